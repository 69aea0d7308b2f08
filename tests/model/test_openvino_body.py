import subprocess
import sys

import numpy as np
import pytest
import torch

from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.model.openvino_body import has_openvino
from cxrmlops.model.precision import Choice, has_bf16
from cxrmlops.model.precision_trial import measure
from tests.make import make_reading_bundle

SIZE = 64
CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not has_openvino(), reason="needs the extra cxrmlops[engine]"),
]


def squares(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, SIZE, SIZE)).astype(np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return read_bundle(make_reading_bundle(tmp_path_factory.mktemp("b"), size=SIZE))


@pytest.mark.parametrize("pooling", ["mean", "log_sum_exp"])
@pytest.mark.parametrize("stride", [32, 16])
def test_openvino_in_32_bit_reads_as_torch_does(tmp_path, pooling, stride):
    bundle = read_bundle(
        make_reading_bundle(
            tmp_path, size=SIZE, pooling=pooling, output_stride=stride, limit=9.0
        )
    )

    ours = Reader(bundle).read(squares(3))
    theirs = Reader(bundle, choice=Choice("openvino fp32")).read(squares(3))

    for name, expected in vars(ours).items():
        np.testing.assert_allclose(
            vars(theirs)[name], expected, atol=1e-4, rtol=1e-4, err_msg=name
        )


@pytest.mark.skipif(not has_bf16(CPU), reason="needs a CPU with bf16")
@pytest.mark.parametrize("way", ["openvino bf16", "openvino bf16 from layer3"])
def test_its_body_in_bf16_is_near_and_other(bundle, way):
    exact = Reader(bundle).read(squares(3))

    short = Reader(bundle, choice=Choice(way)).read(squares(3))

    np.testing.assert_allclose(short.logit, exact.logit, atol=0.02)
    np.testing.assert_allclose(short.features, exact.features, atol=0.05)
    assert not np.array_equal(short.logit, exact.logit)


def test_an_answer_has_the_same_bits_whatever_the_threads(bundle, monkeypatch):
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("CXR_THREADS", threads)
        reader = Reader(bundle, choice=Choice("openvino fp32"))
        found.append(reader.read(squares(5)))

    for other in found[1:]:
        for name, values in vars(found[0]).items():
            np.testing.assert_array_equal(vars(other)[name], values, err_msg=name)


def test_openvino_is_measured_where_it_is_installed(bundle):
    found = measure(bundle, squares(4), accelerator="cpu", batch_size=8)

    named = {one.precision: one for one in found}
    assert named["openvino fp32"].largest_difference < 1e-4
    assert "bf16" in named or not has_bf16(CPU)
    assert ("openvino bf16" in named) == has_bf16(CPU)
    # four films are too few to agree: the slower way is measured, too
    assert ("openvino bf16 from layer3" in named) == has_bf16(CPU)


def test_its_makers_are_told_nothing():
    code = (
        "import sys; from cxrmlops.model.openvino_body import _openvino; _openvino(); "
        "assert sys.modules['openvino_telemetry'] is None; "
        "print(sys.modules['openvino.tools.ovc.telemetry_stub'].__name__)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "telemetry_stub" in done.stdout
