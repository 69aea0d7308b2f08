"""Work that kills its process; apart, because workers import it."""

import os
import signal
from pathlib import Path

from cxrmlops.data.backlog_image import (
    ImageRead,
    ImageRequest,
    image_identity,
    read_backlog_image,
)


def die_on_the_second_image(request: ImageRequest) -> ImageRead:
    """Read a film, unless it is the second of the run."""
    if request.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_backlog_image(request)


def die_on_an_image_called_bad(path: Path) -> tuple[str, str, str, str]:
    """Read a header, unless the file is called bad.dcm."""
    if path.name == "bad.dcm":
        os.kill(os.getpid(), signal.SIGKILL)
    return image_identity(path)
