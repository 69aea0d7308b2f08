import numpy as np
import pytest
import torch

from cxrmlops.model import inference
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader, calibrated, read_squares, to_images
from cxrmlops.model.network import build_network, fold_norms
from cxrmlops.model.out_of_distribution import collected
from cxrmlops.model.precision import BF16, FP32, STARTS, Choice, ready
from cxrmlops.system.errors import BundleError, ResourceError
from tests.make import make_reading_bundle

SIZE = 64


def squares(n: int, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, SIZE, SIZE)).astype(np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    return read_bundle(make_reading_bundle(folder, size=SIZE, temperature=2.0))


def test_an_answer_does_not_depend_on_its_neighbours(bundle):
    images = squares(9)

    together = Reader(bundle, batch_size=8).read(images)
    alone = [Reader(bundle, batch_size=1).read(image[None]) for image in images]

    np.testing.assert_allclose(
        together.logit, np.concatenate([one.logit for one in alone]), atol=1e-5
    )
    np.testing.assert_allclose(
        together.evidence, np.concatenate([one.evidence for one in alone]), atol=1e-5
    )


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5])
def test_every_image_gets_an_answer_the_last_batch_included(bundle, n):
    answers = Reader(bundle, batch_size=2).read(squares(n))

    assert answers.logit.shape == answers.probability.shape == (n,)
    assert answers.evidence.shape == (n, 2, 2)


def test_images_that_come_in_parts_are_answered_like_all_at_once(bundle):
    images, reader = squares(6), Reader(bundle, batch_size=2)

    parts = reader.read_parts(iter([images[:4], images[4:]]))

    whole = reader.read(images)
    for name, values in vars(whole).items():
        np.testing.assert_array_equal(vars(parts)[name], values, err_msg=name)


@pytest.fixture
def small_gpu(monkeypatch):
    """Let a batch of more than `most` films find too little memory."""
    whole, seen = inference.read_squares, []

    def limited(most: int):
        def read(*arguments, batch_size, **others):
            seen.append(batch_size)
            if batch_size > most:
                raise torch.OutOfMemoryError
            return whole(*arguments, batch_size=batch_size, **others)

        monkeypatch.setattr(inference, "read_squares", read)
        return seen

    return limited


def test_batches_that_do_not_fit_into_memory_are_halved(bundle, small_gpu, caplog):
    wanted = Reader(bundle).read(squares(9))
    seen, reader = small_gpu(3), Reader(bundle, batch_size=16)

    answers = [reader.read(squares(9)) for _ in range(2)]

    assert seen == [16, 8, 4, 2, 2]  # what did not fit once is not tried again
    assert reader.batch_size == 2
    assert "4 films at a time are too many for the GPU's memory" in caplog.text
    for found in answers:
        for name, values in vars(wanted).items():
            np.testing.assert_array_equal(vars(found)[name], values, err_msg=name)


def test_a_film_that_does_not_fit_alone_is_told_as_too_little_memory(bundle, small_gpu):
    small_gpu(0)
    with pytest.raises(ResourceError, match=r"memory for 1 film\(s\) of 64"):
        Reader(bundle).read(squares(2))


def test_probability_is_the_calibrated_logit(bundle):
    answers = Reader(bundle).read(squares(3))

    expected = 1 / (1 + np.exp(-answers.logit.astype(np.float64) / 2.0))
    np.testing.assert_allclose(answers.probability, expected)
    assert answers.probability.dtype == np.float64
    assert answers.logit.dtype == answers.evidence.dtype == np.float32


def test_evidence_and_bias_make_the_logit(bundle):
    answers = Reader(bundle).read(squares(3))

    bias = bundle.network.bias.item()
    np.testing.assert_allclose(
        answers.evidence.mean((1, 2)) + bias, answers.logit, atol=1e-5
    )


def test_16_bit_reads_almost_the_same(bundle):
    exact = Reader(bundle).read(squares(3))

    short = Reader(bundle, choice=Choice(BF16)).read(squares(3))

    np.testing.assert_allclose(short.logit, exact.logit, atol=0.01)
    assert not np.array_equal(short.logit, exact.logit)
    assert short.logit.dtype == short.evidence.dtype == np.float32


def test_extreme_logits_stay_probabilities():
    p = calibrated(np.array([-1e4, 0.0, 1e4]), temperature=0.5)

    np.testing.assert_array_equal(p, [0.0, 0.5, 1.0])


def test_images_of_another_size_are_refused(bundle):
    with pytest.raises(ValueError, match=r"\(n, 64, 64\), are \(2, 32, 32\)"):
        Reader(bundle).read(np.zeros((2, 32, 32), np.uint8))


def test_images_that_are_not_bytes_are_refused(bundle):
    with pytest.raises(TypeError, match="uint8"):
        Reader(bundle).read(np.zeros((1, SIZE, SIZE), np.float32))


def test_bytes_become_the_range_0_to_1():
    images = to_images(
        torch.tensor([[[0, 255]]], dtype=torch.uint8), torch.device("cpu")
    )

    assert images.shape == (1, 1, 1, 2)
    assert images.flatten().tolist() == [0.0, 1.0]


def test_what_the_network_gives_that_is_no_number_is_no_answer(tmp_path):
    opened = read_bundle(make_reading_bundle(tmp_path))
    with torch.no_grad():
        opened.network.bias.fill_(float("nan"))

    with pytest.raises(BundleError, match=r"gives no number for 2 of 2 film\(s\)"):
        Reader(opened).read(squares(2))


def test_the_bundle_is_left_in_32_bit_by_a_16_bit_reader(bundle):
    exact = Reader(bundle).read(squares(2))

    reader = Reader(bundle, choice=Choice(BF16))

    assert reader.network.layer4[0].conv1.weight.dtype == torch.float32
    again = Reader(bundle).read(squares(2))
    np.testing.assert_array_equal(again.logit, exact.logit)


def test_weights_rounded_once_give_the_bits_of_autocast(bundle):
    images = to_images(torch.from_numpy(squares(1)), torch.device("cpu"))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        rounded_each_time = fold_norms(bundle.network)(images)

    once = Reader(bundle, choice=Choice(BF16)).read(squares(1))

    np.testing.assert_array_equal(once.logit, rounded_each_time[0].numpy())
    np.testing.assert_array_equal(once.evidence[None], rounded_each_time[1].numpy())


def test_the_later_the_rounding_begins_the_nearer_are_the_answers(bundle):
    exact = Reader(bundle).read(squares(3)).evidence

    apart = [
        np.abs(Reader(bundle, choice=Choice(way)).read(squares(3)).evidence - exact)
        for way in STARTS
    ]

    sums = [one.sum() for one in apart]
    assert sums == sorted(sums, reverse=True)
    assert sums[-1] > 0


@pytest.mark.parametrize("precision", [FP32, BF16])
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_an_answer_has_the_same_bits_whatever_the_threads(
    architecture, precision, monkeypatch
):
    """Sums that threads share would round in another order on another machine."""
    torch.manual_seed(0)
    network = fold_norms(build_network(architecture).eval())
    network = ready(network, precision, size=SIZE, threads=1)
    images = squares(5)
    found = []
    before = torch.get_num_threads()
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("CXR_THREADS", threads)
        torch.set_num_threads(int(threads))
        with collected(network) as features:
            answers = read_squares(
                network, images, device=torch.device("cpu"), batch_size=4
            )
        found.append((*answers, np.concatenate(features)))
        assert torch.get_num_threads() == int(threads)
    torch.set_num_threads(before)

    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)
