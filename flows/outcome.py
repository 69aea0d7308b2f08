"""How things end: what is tried again, and what is said about the rest."""

import base64
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from prefect.artifacts import create_image_artifact
from prefect.client.schemas.objects import State

from cxrmlops.backlog import claims
from cxrmlops.backlog.claims import Chunk
from cxrmlops.errors import AccessError, CxrError, ResourceError, ServiceError
from cxrmlops.reporting.synthetic_map import draw_synthetic_map

NOT_ITS_FAULT = (ServiceError, AccessError, ResourceError)
DELAYS = [10.0, 60.0, 600.0]  # seconds before another try


def unreachable(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Retry only what a second try can mend."""
    return isinstance(state.result(raise_on_failure=False), ServiceError)


def finish(state: State[Any]) -> None:
    """End the program: 0 when the run completed, else one sentence and 1."""
    if not state.is_completed():
        error = state.result(raise_on_failure=False)
        raise SystemExit(f"error: {error or state.message or state.name}")


def show_synthetic_film(bundle: Path) -> None:
    """Show what the model points at, on a made-up film: no patient in this UI."""
    picture = base64.b64encode(draw_synthetic_map(bundle)).decode()
    create_image_artifact(
        f"data:image/jpeg;base64,{picture}",
        key="synthetic-film",
        description="What the model points at, on a made-up film",
    )


class Private:
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
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        self._notes.touch(mode=0o600)
        self._notes.write_text("".join(traceback.format_exception(error)))
        raise CxrError(f"{type(error).__name__}, see {self._notes}") from None


class Fate:
    """Decides what becomes of a chunk whose work ended early.

    A service or a disk that failed is not the chunk's fault: it is given back as it is.
    Anything else takes it apart, so that one bad study fails alone.
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
            if ours and not isinstance(error, NOT_ITS_FAULT):
                claims.fail(self._engine, self._chunk, str(error))
            else:
                said = str(error) if ours else type(error).__name__
                claims.release(self._engine, self._chunk, said)
