"""Work that kills its process; apart, because workers import it."""

import os
import signal
from pathlib import Path

from cxrmlops.data.backlog_film import (
    FilmRead,
    FilmRequest,
    film_identity,
    read_backlog_film,
)


def die_on_the_second_film(request: FilmRequest) -> FilmRead:
    """Read a film, unless it is the second of the run."""
    if request.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_backlog_film(request)


def die_on_a_film_called_bad(path: Path) -> tuple[str, str, str, str]:
    """Read a header, unless the file is called bad.dcm."""
    if path.name == "bad.dcm":
        os.kill(os.getpid(), signal.SIGKILL)
    return film_identity(path)
