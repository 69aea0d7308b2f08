"""The reader that studies are scored with: opened once a process, checked, and kept."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cxrmlops.model.bundle import Bundle, bundle_hash, read_bundle
from cxrmlops.model.device import choose_device
from cxrmlops.model.gradcam import EVIDENCE
from cxrmlops.model.inference import Reader, require_unchanged
from cxrmlops.model.precision import AUTO, FP32, TORCH, Choice, choose
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
    bundle: Path,
    *,
    accelerator: str,
    batch_size: int | None = None,
    precision: str = AUTO,
    engine: str = TORCH,
    compile: bool = False,
    saliency_method: str = EVIDENCE,
    expect_hash: str | None = None,
) -> Reader:
    """Open a bundle; the one opened last is kept for the next chunk of the night.

    Its bytes are hashed each time: what was changed on disk is read anew, or refused.
    Where this machine, or this bundle, does not allow what is asked for, it reads in 32
    bit and says so.

    Args:
        bundle: folder of the model.
        accelerator: `auto`, `cpu` or `gpu`.
        batch_size: films at a time; None: as suits the device.
        precision: `auto` (bf16 where it is there and agrees), `fp32` or `bf16`.
        engine: `torch` or `openvino`.
        compile: what reads in bf16 on a GPU.
        saliency_method: what makes the maps.
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
    asked = _Asked(
        accelerator, batch_size, precision, engine, compile, saliency_method != EVIDENCE
    )
    return _reader(bundle, found, asked)


class _Asked(NamedTuple):
    """How films are to be read."""

    accelerator: str
    batch_size: int | None
    precision: str
    engine: str
    compile: bool
    backward: bool  # maps need it


@lru_cache(maxsize=1)
def _reader(bundle: Path, known: str, asked: _Asked) -> Reader:
    opened = read_bundle(bundle, expect_hash=known)
    require_unchanged(bundle, known)  # nor while it was read, file by file
    device = choose_device(asked.accelerator)
    choice = choose(
        asked.precision,
        opened.card.agreement,
        device=device,
        engine=asked.engine,
        backward=asked.backward,
    )
    reader = _checked(opened, choice, asked)
    log.info("%s reads in %s", opened.card.name, reader.choice.told())
    if (n := opened.card.networks) > 1:
        log.info("%d networks read each film: %d times the time of one", n, n)
    return reader


def _checked(bundle: Bundle, choice: Choice, asked: _Asked) -> Reader:
    """Let the bundle answer its own films; in 32 bit where this way does not."""
    try:
        reader = Reader(
            bundle,
            accelerator=asked.accelerator,
            batch_size=asked.batch_size,
            choice=choice,
            compile=asked.compile,
        )
        check_skew(bundle, reader)
    except Exception as error:
        if choice.precision == FP32:
            raise
        why = (
            f"{choice.precision} does not answer its own test films on this machine as "
            f"it should: {type(error).__name__}"
        )
        return _checked(bundle, Choice(FP32, why), asked)
    return reader
