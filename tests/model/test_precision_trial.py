import numpy as np
import pytest
import torch

from cxrmlops.model import agreement, precision
from cxrmlops.model.bundle import read_bundle
from cxrmlops.model.precision import STARTS
from cxrmlops.model.precision_trial import measure
from tests.make import make_reading_bundle

SIZE = 32


@pytest.fixture
def bundle(tmp_path):
    return read_bundle(make_reading_bundle(tmp_path, size=SIZE))


def squares(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, SIZE, SIZE)).astype(np.uint8)


def has(monkeypatch, *, bf16: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "has_bf16", lambda device: bf16)
    monkeypatch.setattr(precision, "has_openvino", lambda: False)


def test_both_precisions_read_the_same_films(bundle, monkeypatch):
    has(monkeypatch, bf16=True)

    found, *_ = measure(bundle, squares(50), accelerator="auto", batch_size=8)

    assert (found.precision, found.device, found.n) == ("bf16", "cpu", 50)
    assert 0 < found.mean_difference <= found.largest_difference < 0.01
    assert 0 < found.map_difference < 0.05
    assert set(found.flips) == {"balanced", "high_sensitivity"}


@pytest.mark.parametrize(("n", "measured"), [(50, 1), (39, 3)])
def test_later_rounding_is_measured_only_where_earlier_does_not_agree(
    bundle, monkeypatch, n, measured
):
    has(monkeypatch, bf16=True)
    monkeypatch.setattr(agreement, "MAX_MAP", 1.0)

    found = measure(bundle, squares(n), accelerator="cpu", batch_size=8)

    assert [one.precision for one in found] == [*STARTS][:measured]


def test_the_same_films_give_the_same_figures_again(bundle, monkeypatch):
    has(monkeypatch, bf16=True)

    one, two = (
        measure(bundle, squares(6), accelerator="cpu", batch_size=8) for _ in range(2)
    )

    assert one == two


def test_a_way_that_fails_here_is_left_out_and_no_training_is_lost(
    bundle, monkeypatch, caplog
):
    has(monkeypatch, bf16=True)

    def ready(network, way, **_):
        if way == "bf16":
            raise RuntimeError("could not create a primitive")
        return precision.ready(network, way, **_)

    monkeypatch.setattr("cxrmlops.model.inference.ready", ready)

    found = measure(bundle, squares(2), accelerator="cpu", batch_size=8)

    assert [one.precision for one in found] == [*STARTS][1:]
    assert "bf16 fails here: RuntimeError" in caplog.text


def test_a_machine_without_bf16_measures_nothing(bundle, monkeypatch):
    has(monkeypatch, bf16=False)

    assert measure(bundle, squares(2), accelerator="auto", batch_size=8) == ()
