"""One training per checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxrmlops.errors import ResourceError
from cxrmlops.files import WORK

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK")  # set in the copies of a training's process


@contextmanager
def only_training() -> Iterator[None]:
    """Hold the checkout's lock; it falls with the process, however that ends.

    The copies that distributed training starts rely on the first one's.

    Raises:
        ResourceError: another training holds it.
    """
    if any(os.environ.get(name, "0") != "0" for name in RANKS):
        yield
        return
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "train.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResourceError(
                f"another training runs in this checkout ({Path.cwd()}); wait until it "
                "ends, or train in another clone"
            ) from None
        yield
