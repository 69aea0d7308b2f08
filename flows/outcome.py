"""Error handling: what is retried, what is redacted, what Prefect shows at the end."""

import base64
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_image_artifact, create_table_artifact
from prefect.client.schemas.objects import State

from cxrmlops.backlog import leases
from cxrmlops.backlog.leases import Chunk
from cxrmlops.backlog.open_studies import OpenStudy, numbered
from cxrmlops.reporting.synthetic_map import draw_synthetic_map
from cxrmlops.system.errors import (
    AccessError,
    CxrError,
    ReplacedError,
    ResourceError,
    ServiceError,
)
from cxrmlops.system.files import whole

RETRYABLE = (ServiceError, AccessError, ResourceError, ReplacedError)
DELAYS = [10.0, 60.0, 600.0]  # seconds before another try


def unreachable(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Retry only what a second try can change."""
    return isinstance(state.result(raise_on_failure=False), ServiceError)


def is_stopping(state: State[Any]) -> bool:
    """Return whether a chunk ended so that no other can do better in this run."""
    return isinstance(state.result(raise_on_failure=False), ReplacedError)


def show_synthetic_image(bundle: Path) -> str:
    """Show what the model points at, on a made-up film: no patient in this UI.

    Returns:
        The picture as a data URL.
    """
    content = base64.b64encode(draw_synthetic_map(bundle)).decode()
    picture = f"data:image/jpeg;base64,{content}"
    create_image_artifact(
        picture,
        key="synthetic-image",
        description="What the model points at, on a made-up film",
    )
    return picture


def show_open(left: Sequence[OpenStudy]) -> None:
    """Name every study that is not done, by reason, in the log and in a table."""
    by_reason: dict[str, list[int]] = {}
    for one in left:
        by_reason.setdefault(f"{one.state}: {one.reason}", []).append(one.study)
    for reason, numbers in by_reason.items():
        said = "open: %d studies (%s), %s"
        get_run_logger().warning(said, len(numbers), numbered(numbers), reason)
    if left:
        rows = [asdict(one) for one in left]
        create_table_artifact(rows, key="open", description="Studies that are not done")


def told_open(left: Sequence[OpenStudy]) -> str:
    """Return how many studies are not done, and what to do; "" none."""
    failed = sum(one.waits_for_person for one in left)
    parts = [f"{failed} studies failed and wait for a person"] * bool(failed)
    if waiting := len(left) - failed:
        parts.append(f"{waiting} studies wait for a run")
    return f"; {' and '.join(parts)}, see: cxrmlops backlog" if parts else ""


class RedactForeignErrors:
    """Keeps what a foreign error says out of Prefect: it may name a patient's file.

    The traceback goes to a file that its owner alone can read; our own errors pass.
    """

    def __init__(self, notes: Path) -> None:
        self._notes = notes

    def __enter__(self) -> None:
        """Begin the work."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        """End with an error that anybody may read."""
        if not isinstance(error, Exception) or isinstance(error, CxrError):
            return
        with whole(self._notes, private=True) as draft:
            draft.write_text("".join(traceback.format_exception(error)))
        raise CxrError(f"{type(error).__name__}, see {self._notes}") from None


def _class_of(error: CxrError) -> str:
    """Return the class of an error; of a redacted one, the class that it names."""
    ours = type(error).__name__
    return str(error).partition(",")[0] if type(error) is CxrError else ours


class ReleaseOrFailChunk:
    """Decides what becomes of a chunk whose work ended early.

    A service, a disk or a model that went is not the chunk's fault: it is given back as
    it is. Anything else takes it apart, so that one bad study fails alone.
    """

    def __init__(self, engine: Any, chunk: Chunk) -> None:
        self._engine, self._chunk = engine, chunk

    def __enter__(self) -> None:
        """Begin the work."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        """Give the chunk back or take it apart; the error goes on."""
        if error is None:
            return
        with suppress(ServiceError):  # no ledger: then its lease ends by itself
            ours = isinstance(error, CxrError)
            if ours and not isinstance(error, RETRYABLE):
                leases.fail(
                    self._engine, self._chunk, str(error), error=_class_of(error)
                )
            else:
                said = str(error) if ours else type(error).__name__
                leases.release(self._engine, self._chunk, said)
