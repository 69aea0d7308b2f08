"""One training per checkout."""

from contextlib import AbstractContextManager, nullcontext

from cxrmlops.system.files import only_run
from cxrmlops.system.ranks import is_first


def only_training() -> AbstractContextManager[None]:
    """Return the checkout's lock on training, to be held while it runs.

    The copies that distributed training starts rely on the first one's.

    Raises:
        ResourceError: on entry, another training holds it.
    """
    return only_run("train") if is_first() else nullcontext()
