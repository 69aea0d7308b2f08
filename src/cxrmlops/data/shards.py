"""
Many squares in few memory-mapped files: shard-000.npy, shard-001.npy, ...

Each shard is a plain NumPy array, shape (n, size, size), uint8. Needs numpy alone.
"""

import io
import os
from pathlib import Path

import numpy as np


class ShardWriter:
    """Append squares one by one; a file grows until it holds `images_per_shard`.

    What was added is on disk after `flush`. A writer opened with `start=n` goes on
    after the first n squares, whatever a killed run left behind them.
    """

    def __init__(
        self, folder: Path, *, size: int, images_per_shard: int, start: int = 0
    ) -> None:
        self._folder = folder
        self._size = size
        self._per_shard = images_per_shard
        self._count = start
        self._file: io.FileIO | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._cut(start)

    def add(self, square: np.ndarray) -> tuple[int, int]:
        """Append one square, shape (size, size), uint8; give its (shard, row)."""
        if square.shape != (self._size, self._size) or square.dtype != np.uint8:
            raise ValueError(
                f"square should be ({self._size}, {self._size}) uint8, "
                f"is {square.shape} {square.dtype}"
            )
        shard, row = divmod(self._count, self._per_shard)
        if self._file is None or row == 0:
            self.close()
            self._file = self._open(shard, row)
        self._write(np.ascontiguousarray(square).tobytes())
        self._count += 1
        return shard, row

    def flush(self) -> None:
        """Make everything added so far readable, and safe from a power cut."""
        if self._file is None:
            return
        rows = (self._count - 1) % self._per_shard + 1
        self._file.seek(0)
        self._write(_header(rows, self._size))
        self._file.seek(0, io.SEEK_END)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close; the last shard holds exactly the squares it was given."""
        self.flush()
        if self._file is not None:
            self._file.close()
        self._file = None

    def _open(self, shard: int, row: int) -> io.FileIO:
        path = self._folder / _name(shard)
        if row == 0:
            path.write_bytes(_header(0, self._size))
        file = path.open("r+b", buffering=0)  # a failed run leaves nothing to flush
        file.seek(0, io.SEEK_END)
        return file

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while self._file is not None and rest:
            rest = rest[self._file.write(rest) :]

    def _cut(self, start: int) -> None:
        full, rows = divmod(start, self._per_shard)
        for path in _paths(self._folder)[full + bool(rows) :]:
            path.unlink()
        if rows:
            with (self._folder / _name(full)).open("r+b") as file:
                header = _header(rows, self._size)
                file.write(header)
                file.truncate(len(header) + rows * self._size**2)


def open_shards(folder: Path) -> list[np.ndarray]:
    """Map every shard of `folder`, in order; nothing is read yet.

    Returns:
        One read-only memory map per shard, shape (n, size, size), uint8.
    """
    return [np.load(path, mmap_mode="r") for path in _paths(folder)]


def gather(shards: list[np.ndarray], shard: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Copy the named squares into memory, in the order asked for.

    The disk is read in ascending order, whatever the order asked for.

    Args:
        shards: what `open_shards` gave; at least one.
        shard: shape (N,), integers, index into `shards`.
        row: shape (N,), integers, row in that shard.

    Returns:
        Shape (N, size, size), uint8.
    """
    if len(shard) != len(row):
        raise ValueError(f"{len(shard)} shard numbers for {len(row)} rows")
    out = np.empty((len(row), *shards[0].shape[1:]), np.uint8)
    for place in np.lexsort((row, shard)):
        out[place] = shards[shard[place]][row[place]]
    return out


def _name(shard: int) -> str:
    return f"shard-{shard:03d}.npy"


def _paths(folder: Path) -> list[Path]:
    """List the shards by number: shard-1000 comes after shard-999."""
    return sorted(folder.glob("shard-*.npy"), key=lambda p: int(p.stem[6:]))


def _header(rows: int, size: int) -> bytes:
    """Return the .npy header; NumPy pads it so that `rows` may grow in place."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer,
        {"descr": "|u1", "fortran_order": False, "shape": (rows, size, size)},
    )
    return buffer.getvalue()
