"""One training per checkout."""

import os
from contextlib import AbstractContextManager, nullcontext

from cxrmlops.system.files import only_run

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK")  # set in the copies of a training's process


def only_training() -> AbstractContextManager[None]:
    """Return the checkout's lock on training, to be held while it runs.

    The copies that distributed training starts rely on the first one's.

    Raises:
        ResourceError: on entry, another training holds it.
    """
    if any(os.environ.get(name, "0") != "0" for name in RANKS):
        return nullcontext()
    return only_run("train")
