import io
import pickle
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from cxrmlops.model import arrays
from cxrmlops.model.arrays import read_arrays
from cxrmlops.system.errors import BundleError


def packed(path, *, method=zipfile.ZIP_STORED, **members: bytes):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def header(shape, kind="<f8", *, data=b"") -> bytes:
    file = io.BytesIO()
    npy.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + data


def test_what_numpy_wrote_is_read_back(tmp_path):
    wanted = {
        "rows": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=np.uint64).reshape(2, 3)),
        "one": np.float32(3.5),
        "none": np.empty(0),
        "words": np.array(["a", "bc"]),
    }
    np.savez(tmp_path / "a.npz", **wanted)

    found = read_arrays(tmp_path / "a.npz")

    assert set(found) == set(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_what_unpacks_to_more_than_a_model_needs_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 1000)
    bomb = packed(tmp_path / "a.npz", method=zipfile.ZIP_DEFLATED, a=b"\0" * 100_000)

    with pytest.raises(BundleError, match="1 arrays of 100000 bytes"):
        read_arrays(bomb)


@pytest.mark.parametrize(
    "data",
    [
        header((10**15,)),
        header((10,), data=b"\0" * 79),
        header((10,), data=b"\0" * 81),
        header((-1,)),
        header((1,), "|O", data=pickle.dumps("x")),
        b"\x93NUMPY\x09\x00",
        b"no array",
        b"",
    ],
    ids=["vast", "short", "long", "negative", "pickle", "version", "text", "empty"],
)
def test_an_array_that_is_not_what_its_header_says_is_refused(tmp_path, data):
    with pytest.raises(BundleError, match="holds no arrays of a model"):
        read_arrays(packed(tmp_path / "a.npz", a=data))


def test_a_torn_archive_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(100))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(BundleError, match="holds no arrays of a model"):
        read_arrays(tmp_path / "a.npz")
