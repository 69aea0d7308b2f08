"""Parsers and codecs of others, whose words and errors must not go any further."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom

from cxrmlops.system.errors import Rejected

# Values are checked where they are used, and pydicom's words quote them: a warning or a
# log line with a patient's number must not arise.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="pydicom")

_CURE = "damaged, or of a kind that is not read; send it whole, or written anew"


@contextmanager
def suppress_warnings() -> Iterator[None]:
    """Drop warnings of parsers and codecs: they quote values of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def reject_on_error(reason: str, doing: str) -> Iterator[None]:
    """Turn whatever a parser or decoder raises on garbage into `Rejected`."""
    try:
        with suppress_warnings():
            yield
    except Rejected:
        raise
    # pydicom and the codecs raise anything at all on garbage, RecursionError and
    # MemoryError included; one file must not stop a night.
    except Exception as error:  # noqa: BLE001
        why = (error.strerror if isinstance(error, OSError) else "") or _CURE
        raise Rejected(reason, f"{doing} failed: {why}") from error
