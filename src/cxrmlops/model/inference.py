"""Films -> answers, in batches; the same function in evaluation and at night."""

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cxrmlops.model.bundle import Bundle, bundle_hash
from cxrmlops.model.compilation import is_worth_compiling
from cxrmlops.model.device import choose_device, enough_memory
from cxrmlops.model.network import fold_norms
from cxrmlops.model.out_of_distribution import (
    Familiar,
    collected,
    collected_here,
    handed_over,
)
from cxrmlops.model.precision import EXACT, Choice, full_32_bit, ready
from cxrmlops.system.errors import BundleError, ReplacedError

BATCH = 16  # films in one forward pass, where thousands are read
ON_CPU, ON_GPU = 8, 64  # films at a time, unless it is told; a CPU reads each alone
log = logging.getLogger(__name__)
_THREADS = torch.get_num_threads()  # as OMP_NUM_THREADS, or the machine, says


@dataclass(frozen=True)
class Answers:
    """What the network says about n films."""

    logit: np.ndarray  # (n,) float32, before calibration
    probability: np.ndarray  # (n,) float64, calibrated probability of ASF, 0-1
    evidence: np.ndarray  # (n, h, w) float32, logit units
    features: np.ndarray  # (n, d) float32, means of every channel of every stage
    distance: np.ndarray  # (n,) float64, from the films of train; NaN: not known
    unfamiliar: np.ndarray  # (n,) bool, too far away for the answer to mean anything


class Reader:
    """A bundle on a device, ready to read films.

    `network` is a copy on the device, BatchNorm folded, in fp32; what reads is made of
    it as `choice` says. It is the network of `bundle`, too: the one that came is let
    go, hundreds of MiB. `familiar` is None where the bundle's cohort was too small to
    say what is like it. `batch_size` films are read at a time; it falls where a GPU's
    memory is too small.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        accelerator: str = "auto",
        batch_size: int | None = None,
        choice: Choice = EXACT,
        compile: bool = False,
    ) -> None:
        """Put a copy of the network on the device.

        Args:
            bundle: left as it is.
            accelerator: `auto`, `cpu` or `gpu`.
            batch_size: films at a time; None: `ON_GPU` or `ON_CPU`.
            choice: how to read; `scoring_reader` asks whether that is allowed.
            compile: what reads in bf16 on a GPU: minutes once, then it is faster.

        Raises:
            ResourceError: there is no GPU, and one is asked for.
        """
        self._device = choose_device(accelerator)
        on_gpu = self._device.type == "cuda"
        self.batch_size = batch_size or (ON_GPU if on_gpu else ON_CPU)
        self.choice = choice
        self.network = fold_norms(bundle.network).to(self._device)
        self.bundle = replace(bundle, network=self.network)
        self._reads = ready(
            self.network,
            choice.precision,
            size=bundle.card.size,
            threads=reading_threads(),
            compile=is_worth_compiling(
                self._device, asked=compile, setting="score.compile"
            ),
        )
        self.familiar = Familiar.from_arrays(bundle.reference)

    def read(self, squares: np.ndarray) -> Answers:
        """Answer every film; a film's answer does not depend on its neighbours.

        Args:
            squares: shape (n, size, size), uint8, from `data.preprocess` at the size
                of the bundle's card. n may be 0 or no multiple of the batch size.

        Raises:
            BundleError: the network gives what is no number.
            ResourceError: a batch does not fit into memory.
        """
        size = self.bundle.card.size
        if squares.ndim != 3 or squares.shape[1:] != (size, size):
            raise ValueError(
                f"squares should be (n, {size}, {size}), are {squares.shape}"
            )
        logit, evidence, features = self._in_fitting_batches(squares)
        broken = ~(np.isfinite(logit) & np.isfinite(evidence).all(axis=(1, 2)))
        if broken.any():
            raise BundleError(
                f"model '{self.bundle.card.name}' gives no number for "
                f"{int(broken.sum())} of {len(logit)} film(s); it cannot be used, "
                "train or fetch it again"
            )
        distance = self._distance(features)
        return Answers(
            logit,
            calibrated(logit, temperature=self.bundle.card.temperature),
            evidence,
            features,
            distance,
            distance > (self.familiar.limit if self.familiar else np.inf),
        )

    def _in_fitting_batches(
        self, squares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read by half as many films at a time where a GPU's memory is too small."""
        while True:
            what = f"{self.batch_size} film(s) of {squares.shape[1]} pixels"
            with enough_memory(what, advice=""):
                try:
                    return self._in_batches(squares)
                except torch.OutOfMemoryError:
                    if self.batch_size == 1:
                        raise
            torch.cuda.empty_cache()  # what the batch had taken
            log.warning(
                "%d films at a time are too many for the GPU's memory: reads %d now",
                self.batch_size,
                self.batch_size // 2,
            )
            self.batch_size //= 2

    def _in_batches(
        self, squares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with collected(self._reads) as found:
            logit, evidence = read_squares(
                self._reads, squares, device=self._device, batch_size=self.batch_size
            )
        return logit, evidence, np.concatenate(found)[: len(squares)]

    def read_parts(self, parts: Iterable[np.ndarray]) -> Answers:
        """Answer films that come in parts, at least one part.

        Args:
            parts: shape (n, size, size) each, uint8; one is in memory at a time.

        Returns:
            The answers to all of them, in order.

        Raises:
            BundleError: the network gives what is no number.
            ResourceError: a batch does not fit into memory.
        """
        read = [vars(self.read(part)) for part in parts]
        return Answers(
            **{name: np.concatenate([one[name] for one in read]) for name in read[0]}
        )

    def _distance(self, features: np.ndarray) -> np.ndarray:
        if self.familiar is None:
            return np.full(len(features), np.nan)
        return self.familiar.distance(features)


def require_unchanged(bundle: Path, known: str) -> None:
    """Refuse to go on with another bundle than the run began with (ReplacedError).

    Args:
        bundle: folder of the model.
        known: hash of the bundle that the run began with.
    """
    try:
        found = bundle_hash(bundle)[:12]
    except BundleError:
        found = "none"
    if found != known[:12]:
        raise ReplacedError(
            f"the model in {bundle} was replaced while films were read (it was "
            f"{known[:12]}, there is {found} now); what is not read yet waits: run "
            "again to read it with the model that is there"
        )


def calibrated(logit: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Turn logits into probabilities: shape kept, float64, 0-1."""
    scaled = np.asarray(logit, np.float64) / temperature
    return np.asarray(0.5 * (1 + np.tanh(scaled / 2)))  # sigmoid without overflow


def read_squares(
    network: nn.Module,
    squares: np.ndarray,
    *,
    device: torch.device,
    batch_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the network over films in eval mode.

    Args:
        network: on `device`, gives (logit, evidence); left in eval mode. In 32 bit, or
            as `precision.ready` made it.
        squares: shape (n, size, size), uint8.
        device: where to compute.
        batch_size: films at a time on a GPU; a CPU reads each alone.

    Returns:
        Logit, shape (n,), float32, and evidence, shape (n, h, w), float32.
    """
    network.eval()
    read = partial(_read_batch, network, device=device)
    if device.type == "cpu":
        made = _image_by_image(read, squares)
    else:
        made = [read(batch) for batch in _batches(squares, batch_size)]
    n = len(squares)
    logits, maps = zip(*made, strict=True)
    return np.concatenate(logits)[:n], np.concatenate(maps)[:n]


def _read_batch(
    network: nn.Module, batch: np.ndarray, *, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode(), full_32_bit(device):
        logit, evidence = network(to_images(torch.from_numpy(batch), device))
        return logit.float().cpu().numpy(), evidence.float()[:, 0].cpu().numpy()


def reading_threads() -> int:
    """Return how many films a CPU reads at once: CXR_THREADS, else as torch says."""
    return int(os.environ.get("CXR_THREADS") or _THREADS)


def _image_by_image(
    read: "partial[tuple[np.ndarray, np.ndarray]]", squares: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read each film alone and on one thread, as many at once as there are threads.

    Convolutions that share their sums among threads, or among other films, round in
    another order: the same film would have other last digits on another machine.
    """
    images = list(_batches(squares, 1))
    threads, before = min(reading_threads(), len(images)), torch.get_num_threads()
    alone = partial(torch.set_num_threads, 1)
    try:
        with ThreadPoolExecutor(threads, "read", initializer=alone) as pool:
            made = list(pool.map(collected_here(read), images))
    finally:
        torch.set_num_threads(before)  # what a new thread begins with
    return [handed_over(one) for one in made]


def to_images(squares: Tensor, device: torch.device) -> Tensor:
    """Bring squares to the device as the network wants them.

    Args:
        squares: shape (n, s, s), uint8.
        device: where to.

    Returns:
        Shape (n, 1, s, s), float32, 0-1, channels last.
    """
    if squares.dtype != torch.uint8:
        raise TypeError(f"squares should be uint8, are {squares.dtype}")
    on_device = squares.to(device, non_blocking=True).unsqueeze(1)
    return on_device.float().div_(255).contiguous(memory_format=torch.channels_last)


def _batches(squares: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Cut into batches; the last is filled up with black films.

    A GPU picks its kernel by the shape of the batch, and in bf16 another kernel means
    other digits: a film's answer must not depend on how many came with it. Nothing at
    all is one black film, so that h and w of the evidence come from the network.
    """
    for start in range(0, max(len(squares), 1), batch_size):
        batch = squares[start : start + batch_size]
        black = np.zeros((batch_size - len(batch), *squares.shape[1:]), np.uint8)
        yield np.concatenate([batch, black])
