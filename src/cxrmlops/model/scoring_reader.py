"""The reader that studies are scored with: opened once a process, checked, and kept."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from cxrmlops.model.bundle import bundle_hash, read_bundle
from cxrmlops.model.inference import Reader, require_unchanged
from cxrmlops.model.skew import check_skew

log = logging.getLogger(__name__)
_READING = threading.Lock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one thread of this process read films, while others report and deliver.

    Two forward passes side by side would only get into each other's way. The lock is
    reached through this function, which travels to another machine by its name.
    """
    with _READING:
        yield


def open_reader(
    bundle: Path, *, accelerator: str, batch_size: int, expect_hash: str | None = None
) -> Reader:
    """Open a bundle; the one opened last is kept for the next chunk of the night.

    Its bytes are hashed each time: what was changed on disk is read anew, or refused.

    Args:
        bundle: folder of the model.
        accelerator: `auto`, `cpu` or `gpu`.
        batch_size: films at a time.
        expect_hash: of the bundle that the run began with; None: it begins now.

    Raises:
        BundleError: no bundle, one that was changed after it was written, or one
            without answers to its own test images.
        ReplacedError: not the bundle that the run began with.
        ResourceError: there is no GPU, and one is asked for; or this machine computes
            other answers than the one that made the bundle.
    """
    found = expect_hash or bundle_hash(bundle)
    require_unchanged(bundle, found)
    return _reader(bundle, found, accelerator, batch_size)


@lru_cache(maxsize=1)
def _reader(bundle: Path, known: str, accelerator: str, batch_size: int) -> Reader:
    opened = read_bundle(bundle, expect_hash=known)
    require_unchanged(bundle, known)  # nor while it was read, file by file
    reader = Reader(opened, accelerator=accelerator, batch_size=batch_size)
    check_skew(opened, reader)
    if (n := opened.card.networks) > 1:
        log.info("%d networks read each film: %d times the time of one", n, n)
    return reader
