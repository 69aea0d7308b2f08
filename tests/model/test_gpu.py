"""What only a CUDA device can show: `pytest -m gpu`."""

import numpy as np
import pytest
import torch

from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.checkpoint import CheckpointWriter, load_checkpoint
from cxrmlops.model.device import open_fabric
from cxrmlops.model.inference import Reader
from cxrmlops.model.learner import TrainState
from cxrmlops.model.loader import ImageDataset
from cxrmlops.model.network import build_network
from cxrmlops.model.precision import BF16, Choice, full_32_bit
from cxrmlops.model.skew import check_skew
from cxrmlops.model.training import LabelledImages, epochs
from tests.make import make_reading_bundle
from tests.model.make_training import make_lesson, make_recipe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def on_gpu(lesson: LabelledImages) -> LabelledImages:
    n = lesson.images.n
    squares = lesson.images.read(np.arange(n))
    images = ImageDataset(
        [squares], np.zeros(n, int), np.arange(n), device=torch.device("cuda", 0)
    )
    return LabelledImages(images, lesson.abnormal)


def learner(**quirks: object) -> TrainState:
    fabric = open_fabric(accelerator="gpu")
    fabric.launch()
    torch.manual_seed(0)
    return TrainState(fabric, build_network("resnet18"), make_recipe(**quirks))


def test_images_live_in_gpu_memory_and_training_is_bf16():
    learning, train = learner(epochs=3), on_gpu(make_lesson(64))

    shown = list(epochs(learning, train, on_gpu(make_lesson(16, seed=1))))

    assert train.images.resident is not None
    assert train.images.resident.is_cuda
    assert learning.precision == "bf16-mixed"
    assert shown[-1].val_auc > 0.6


def test_a_compiled_network_learns():
    learning, train = learner(epochs=3, compile=True), on_gpu(make_lesson(64))

    shown = list(epochs(learning, train, on_gpu(make_lesson(16, seed=1))))

    assert shown[-1].val_auc > 0.6


def test_images_that_do_not_fit_are_read_ahead(monkeypatch):
    monkeypatch.setattr("cxrmlops.model.loader.RESIDENT_SHARE", 0.0)
    lesson = on_gpu(make_lesson(8))

    (batch,) = lesson.images.batches([np.array([3, 1])])

    assert lesson.images.resident is None
    assert batch.is_cuda
    np.testing.assert_array_equal(
        batch.cpu().numpy(), lesson.images.read(np.array([3, 1]))
    )


def test_a_checkpoint_of_a_gpu_goes_on_there(tmp_path):
    saved, train, val = learner(), on_gpu(make_lesson()), on_gpu(make_lesson(8))
    history = list(epochs(saved, train, val))
    with CheckpointWriter(tmp_path) as writer:
        writer.save(saved, history)

    fresh = learner()

    assert load_checkpoint(tmp_path, fresh) == history
    for ours, theirs in zip(
        fresh.network.parameters(), saved.network.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)
        assert torch.equal(
            fresh.optimizer.state[ours]["exp_avg"],
            saved.optimizer.state[theirs]["exp_avg"],
        )


def test_gpu_and_cpu_give_the_same_answers_alone_and_together(tmp_path):
    bundle = read_bundle(make_reading_bundle(tmp_path, size=64))
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (9, 64, 64)).astype(np.uint8)

    gpu = Reader(bundle, accelerator="gpu", batch_size=4)
    cpu = Reader(bundle, accelerator="cpu")

    together = gpu.read(squares)
    alone = np.concatenate([gpu.read(image[None]).logit for image in squares])
    np.testing.assert_allclose(together.logit, alone, atol=1e-5)
    np.testing.assert_allclose(together.logit, cpu.read(squares).logit, atol=0.02)
    assert check_skew(bundle, gpu) < 0.02


def test_16_bit_on_a_gpu_reads_almost_the_same_alone_and_together(tmp_path):
    bundle = read_bundle(make_reading_bundle(tmp_path, size=64))
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (9, 64, 64)).astype(np.uint8)

    short = Reader(bundle, accelerator="gpu", batch_size=4, choice=Choice(BF16))
    exact = Reader(bundle, accelerator="gpu", batch_size=4)

    together = short.read(squares).logit
    alone = np.concatenate([short.read(image[None]).logit for image in squares])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(together, exact.read(squares).logit, atol=0.02)
    assert not np.array_equal(together, exact.read(squares).logit)


def test_compiled_reading_on_a_gpu_answers_almost_the_same(tmp_path):
    bundle = read_bundle(make_reading_bundle(tmp_path, size=64))
    squares = np.random.default_rng(0).integers(0, 256, (9, 64, 64)).astype(np.uint8)

    compiled = Reader(bundle, accelerator="gpu", choice=Choice(BF16), compile=True)
    plain = Reader(bundle, accelerator="gpu", choice=Choice(BF16))

    found, wanted = compiled.read(squares), plain.read(squares)
    np.testing.assert_allclose(found.logit, wanted.logit, atol=0.02)
    np.testing.assert_allclose(found.evidence, wanted.evidence, atol=0.05)
    assert found.features.shape == wanted.features.shape


def test_32_bit_on_a_gpu_are_32():
    before = torch.backends.cudnn.allow_tf32

    with full_32_bit(torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32

    assert torch.backends.cudnn.allow_tf32 == before
