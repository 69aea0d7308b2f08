import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.data.shards import ShardWriter, open_shards
from cxrmlops.model.loader import ImageDataset, in_order, shuffled

CPU = torch.device("cpu")


@pytest.fixture
def shards(tmp_path):
    """Ten films of 4 x 4 pixels in three shards; film k is all k."""
    writer = ShardWriter(tmp_path, size=4, images_per_shard=4)
    for k in range(10):
        writer.add(np.full((4, 4), k, np.uint8))
    writer.close()
    return open_shards(tmp_path)


def places(chosen: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(chosen) // 4, np.array(chosen) % 4


def test_batches_hold_the_images_asked_for_in_that_order(shards):
    images = ImageDataset(shards, *places([9, 1, 5, 7]), device=CPU)

    batches = list(images.batches([np.array([2, 0]), np.array([3]), np.array([1, 1])]))

    assert [batch[:, 0, 0].tolist() for batch in batches] == [[5, 9], [7], [1, 1]]
    assert batches[0].dtype == torch.uint8
    assert (images.n, images.side) == (4, 4)


def test_only_the_images_that_were_chosen_can_be_read(shards):
    images = ImageDataset(shards, *places([3, 4]), device=CPU)

    with pytest.raises(IndexError):
        images.read(np.array([2]))


def test_a_broken_read_stops_the_training_and_is_not_swallowed(shards):
    images = ImageDataset(shards, np.array([0, 7]), np.array([0, 0]), device=CPU)

    with pytest.raises(IndexError):
        list(images.batches([np.array([0]), np.array([1])]))


def test_stopping_early_leaves_no_thread_behind(shards):
    images = ImageDataset(shards, *places(list(range(10))), device=CPU)

    batches = images.batches(in_order(10, 2))
    next(batches)
    batches.close()

    assert not [t for t in __import__("threading").enumerate() if "images" in t.name]


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 300),
    batch=st.integers(1, 64),
    ranks=st.integers(1, 4),
    epoch=st.integers(1, 5),
)
def test_an_epoch_shows_every_image_once_in_even_batches(n, batch, ranks, epoch):
    parts = [
        shuffled(n, batch, seed=(1, epoch), rank=rank, ranks=ranks)
        for rank in range(ranks)
    ]

    seen = np.concatenate([chosen for part in parts for chosen in part])
    sizes = [len(chosen) for part in parts for chosen in part]
    assert sorted(seen) == list(range(n))
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1
    assert len({len(part) for part in parts}) == 1


def test_epochs_and_seeds_are_shuffled_apart():
    first, again, other, seed = (
        np.concatenate(shuffled(50, 8, seed=seed))
        for seed in [(1, 1), (1, 1), (1, 2), (2, 1)]
    )

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, seed)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(0, 100), batch=st.integers(1, 16), ranks=st.integers(1, 3))
def test_judging_reads_every_image_once_the_last_batch_included(n, batch, ranks):
    seen = [
        chosen
        for rank in range(ranks)
        for part in in_order(n, batch, rank=rank, ranks=ranks)
        for chosen in part
    ]

    assert sorted(seen) == list(range(n))
