"""The arrays of an .npz, read within bounds: nothing is unpacked that is not wanted."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from cxrmlops.system.errors import BundleError

MAX_BYTES = 256 * 1024**2  # of all arrays; whom a network learnt from is 8 bytes each
MAX_ARRAYS = 64


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of plain numbers in `path`.

    The sizes that the archive and each array's header state are looked at first.

    Raises:
        BundleError: no such archive, too large, or something else is in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > MAX_ARRAYS or total > MAX_BYTES:
                raise ValueError(f"{len(entries)} arrays of {total} bytes")
            return {
                entry.filename.removesuffix(".npy"): _read(archive, entry)
                for entry in entries
            }
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,  # a way of packing that numpy never uses
        RuntimeError,  # a password
        ValueError,
        OSError,
    ) as error:
        reason = str(error).partition("\n")[0][:80] or type(error).__name__
        raise BundleError(
            f"{path} holds no arrays of a model ({reason}); fetch or train the model "
            "again"
        ) from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        shape, by_columns, kind = _header(file)
        if kind.hasobject:
            raise ValueError(f"{entry.filename} holds objects")
        n_bytes = math.prod(shape) * kind.itemsize
        data = file.read(n_bytes) if n_bytes <= entry.file_size else b""
        if len(data) != n_bytes or file.read(1):
            raise ValueError(f"{entry.filename} has not the size that its header says")
    values = np.frombuffer(data, kind).copy()
    return values.reshape(shape, order="F" if by_columns else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read shape, order and type (NumPy's format description, NEP 1)."""
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, by_columns, kind = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, by_columns, kind = npy.read_array_header_2_0(file)
    else:
        raise ValueError("an array of an unknown version")
    if any(side < 0 for side in shape):
        raise ValueError("an array of negative size")
    return shape, by_columns, kind
