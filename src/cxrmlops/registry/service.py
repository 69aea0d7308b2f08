"""MLflow's failures, said in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from cxrmlops.errors import ServiceError
from cxrmlops.registry.tracking import tracking_address


@contextmanager
def translated() -> Iterator[None]:
    """Raise ServiceError where MLflow cannot be reached or refuses."""
    try:
        yield
    except MlflowException as error:
        place = tracking_address().partition("://")[0]
        raise ServiceError(
            f"MLflow ({place} address in MLFLOW_TRACKING_URI, or ./mlflow.db) did not "
            f"do its part: {error.error_code}; look at the server, then run again"
        ) from error
