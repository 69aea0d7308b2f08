"""Work that kills its process; apart, because workers import it."""

import os
import signal

from cxrmlops.data.backlog_film import FilmRead, FilmRequest, read_backlog_film


def die_on_the_second_film(request: FilmRequest) -> FilmRead:
    """Read a film, unless it is the second of the run."""
    if request.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_backlog_film(request)
