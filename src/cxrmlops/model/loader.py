"""Squares on their way from the shards to the device that learns."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from cxrmlops.data.shards import gather

RESIDENT_SHARE = (
    0.4  # of free GPU memory that films may take; the rest is the network's
)
AHEAD = 2  # batches read while the device computes
ROWS_AT_ONCE = 1024  # films copied at a time on their way into GPU memory


class ImageDataset:
    """Some films of the shards, and nothing of the others.

    On a GPU they live in its memory when they fit. Else they stay memory-mapped and a
    thread reads ahead.
    """

    def __init__(
        self,
        shards: Sequence[np.ndarray],
        shard: np.ndarray,
        row: np.ndarray,
        *,
        device: torch.device,
    ) -> None:
        """Choose n films.

        Args:
            shards: each shape (m, s, s), uint8; memory maps are left on disk.
            shard: shape (n,), index into `shards`.
            row: shape (n,), row in that shard.
            device: where batches are wanted.
        """
        self._shards, self._shard, self._row = list(shards), shard, row
        self.device = device
        self.resident = self._load() if self._fits() else None

    @property
    def n(self) -> int:
        """How many films were chosen."""
        return len(self._row)

    @property
    def side(self) -> int:
        """Pixels per side."""
        return int(self._shards[0].shape[1])

    def batches(self, order: Sequence[np.ndarray]) -> Iterator[Tensor]:
        """Yield one batch per entry of `order`.

        Args:
            order: shape (b,) each, positions among the n films.

        Yields:
            Shape (b, s, s), uint8, on the device.
        """
        if self.resident is not None:
            for chosen in order:
                yield self.resident[torch.from_numpy(chosen).to(self.device)]
            return
        with ThreadPoolExecutor(1, "images") as thread:
            waiting = [thread.submit(self._read, chosen) for chosen in order[:AHEAD]]
            for number in range(len(order)):
                batch = waiting.pop(0).result()
                if number + AHEAD < len(order):
                    waiting.append(thread.submit(self._read, order[number + AHEAD]))
                yield batch.to(self.device, non_blocking=True)

    def read(self, chosen: np.ndarray) -> np.ndarray:
        """Copy the chosen films, shape (b,), into memory: (b, s, s), uint8."""
        return gather(self._shards, self._shard[chosen], self._row[chosen])

    def _read(self, chosen: np.ndarray) -> Tensor:
        batch = torch.from_numpy(self.read(chosen))
        return batch.pin_memory() if self.device.type == "cuda" else batch

    def _fits(self) -> bool:
        if self.device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(self.device)
        return self.n * self.side**2 <= RESIDENT_SHARE * free

    def _load(self) -> Tensor:
        images = torch.empty(
            (self.n, self.side, self.side), dtype=torch.uint8, device=self.device
        )
        for start in range(0, self.n, ROWS_AT_ONCE):
            chosen = np.arange(start, min(start + ROWS_AT_ONCE, self.n))
            images[start : start + len(chosen)] = torch.from_numpy(self.read(chosen))
        return images


def shuffled(
    n: int, batch_size: int, *, seed: tuple[int, int], rank: int = 0, ranks: int = 1
) -> list[np.ndarray]:
    """Divide n films into batches of one epoch, every film once.

    Batches differ by one film at most: no batch is dropped, and none is so small that
    its statistics mislead BatchNorm.

    Args:
        n: films.
        batch_size: films per batch and process, at most.
        seed: of the training, and the number of the epoch.
        rank: of this process.
        ranks: processes; each gets as many batches as the others.
    """
    order = np.random.default_rng(seed).permutation(n)
    steps = max(1, -(-n // (batch_size * ranks)))
    return np.array_split(order, steps * ranks)[rank::ranks]


def in_order(
    n: int, batch_size: int, *, rank: int = 0, ranks: int = 1
) -> list[np.ndarray]:
    """Divide n films into batches, the last one partial, each film in one process."""
    own = np.arange(n)[rank::ranks]
    return [own[k : k + batch_size] for k in range(0, len(own), batch_size)]
