"""What MLflow knows of a version's training: its run, and the tags written there."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlflow.exceptions import MlflowException

from cxrmlops.registry.service import open_client, translated

COMMIT, DIRTY, ENVIRONMENT = "cxr.git_commit", "cxr.git_dirty", "cxr.environment"
FOUND = "cxr.code_found_in"  # a later commit that does what the training's code did
GATE_REASONS = "cxr.gate_reasons"
GATE = "cxr.gate"  # passed, refused or not assessed
DVC = "dvc."  # of tags: output -> its hash


@dataclass(frozen=True)
class Training:
    """The run that a version comes from; all empty where there is none."""

    run_id: str = ""
    name: str = ""
    started: str = ""  # UTC, ISO 8601
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def is_dirty(self) -> bool:
        """Return whether its code had uncommitted changes."""
        return self.tags.get(DIRTY) == "yes"

    @property
    def is_unreadable(self) -> bool:
        """Return whether there was a checkout that git could not read."""
        return self.tags.get(DIRTY) == "unreadable"

    @property
    def gate(self) -> str:
        """Say the outcome of the gate as last recorded; "" where nobody did."""
        return self.tags.get(GATE, "")

    @property
    def commit(self) -> str:
        """Name the git commit of its code; "" where there was no git."""
        return self.tags.get(COMMIT, "")

    @property
    def found_in(self) -> str:
        """Name the later commit that holds its code; "" where none is known."""
        return self.tags.get(FOUND, "")


def training_of(run_id: str) -> Training:
    """Read the run of a training; an empty answer where there is none.

    Raises:
        ServiceError: MLflow did not answer.
    """
    if run_id in ("", "None"):
        return Training()
    with translated():
        try:
            run = open_client().get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return Training()
            raise
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    return Training(
        run_id,
        str(run.info.run_name),
        started.isoformat(timespec="seconds"),
        dict(run.data.tags),
    )


def note_commit(run_id: str, commit: str) -> None:
    """Write down the later commit that holds the code of a training.

    Raises:
        ServiceError: MLflow did not answer; safe to repeat.
    """
    with translated():
        open_client().set_tag(run_id, FOUND, commit)
