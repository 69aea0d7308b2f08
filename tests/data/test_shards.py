import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.data.shards import ShardWriter, gather, open_shards


def squares(n: int, size: int = 4) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, size, size), np.uint8)


def write(folder, images, *, images_per_shard=3, start=0):
    writer = ShardWriter(
        folder, size=images.shape[1], images_per_shard=images_per_shard, start=start
    )
    places = [writer.add(square) for square in images]
    writer.close()
    return np.array(places, int).reshape(-1, 2)


@given(n=st.integers(0, 12), per_shard=st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_what_was_added_is_what_is_read(tmp_path_factory, n, per_shard):
    folder = tmp_path_factory.mktemp("shards")
    images = squares(n)

    places = write(folder, images, images_per_shard=per_shard)

    shards = open_shards(folder)
    assert [len(shard) for shard in shards] == [
        min(per_shard, n - at) for at in range(0, n, per_shard)
    ]
    if n:
        np.testing.assert_array_equal(gather(shards, *places.T), images)


def test_shards_are_plain_npy_files_with_exactly_their_squares(tmp_path):
    write(tmp_path, squares(7))

    lengths = {path.name: len(np.load(path)) for path in tmp_path.iterdir()}

    assert lengths == {"shard-000.npy": 3, "shard-001.npy": 3, "shard-002.npy": 1}


def test_gather_keeps_the_order_asked_for(tmp_path):
    images = squares(7)
    places = write(tmp_path, images)
    order = np.array([5, 0, 6, 0, 2])

    found = gather(open_shards(tmp_path), *places[order].T)

    np.testing.assert_array_equal(found, images[order])


@pytest.mark.parametrize("start", range(8))
def test_a_killed_writer_goes_on_as_if_nothing_had_happened(tmp_path, start):
    images = squares(7)
    write(tmp_path / "whole", images)
    write(tmp_path / "killed", images)  # more on disk than its owner remembers
    with sorted((tmp_path / "killed").iterdir())[-1].open("ab") as file:
        file.write(b"half a square")

    write(tmp_path / "killed", images[start:], start=min(start, 7))

    for one in (tmp_path / "whole").iterdir():
        assert (tmp_path / "killed" / one.name).read_bytes() == one.read_bytes()


def test_flushed_squares_can_be_read_while_the_writer_is_open(tmp_path):
    images = squares(2)
    writer = ShardWriter(tmp_path, size=4, images_per_shard=9)
    for square in images:
        writer.add(square)

    writer.flush()

    np.testing.assert_array_equal(open_shards(tmp_path)[0], images)
    writer.add(images[0])
    writer.close()
    np.testing.assert_array_equal(open_shards(tmp_path)[0], images[[0, 1, 0]])


def test_shard_1000_comes_after_shard_999(tmp_path):
    for number in (999, 1000, 0):
        np.save(tmp_path / f"shard-{number:03d}.npy", np.zeros((1, 2, 2), np.uint8))
    np.save(tmp_path / "shard-999.npy", np.ones((1, 2, 2), np.uint8))

    assert [int(shard.max()) for shard in open_shards(tmp_path)] == [0, 1, 0]


@pytest.mark.parametrize(
    "square", [np.zeros((4, 5), np.uint8), np.zeros((4, 4), np.float32)]
)
def test_a_square_of_other_shape_or_type_is_refused(tmp_path, square):
    writer = ShardWriter(tmp_path, size=4, images_per_shard=3)

    with pytest.raises(ValueError, match=r"should be \(4, 4\) uint8"):
        writer.add(square)


@pytest.mark.integration
def test_shards_need_numpy_alone():
    code = (
        "import sys, cxrmlops.data.shards;"
        "print({'pandas', 'pyarrow', 'pydicom', 'PIL'} & set(sys.modules))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "set()"
