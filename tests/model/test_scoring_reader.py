import logging

import pytest

from cxrmlops.model import precision, scoring_reader
from cxrmlops.model.scoring_reader import open_reader
from cxrmlops.model.skew import check_skew
from cxrmlops.system.errors import BundleError, ResourceError
from tests.make import make_reading_bundle, make_shifted_bundle
from tests.model.make import GOOD

SIZE = 32


def test_an_opened_bundle_is_kept_until_its_bytes_change(tmp_path):
    def opened():
        return open_reader(tmp_path, accelerator="cpu", batch_size=2)

    make_reading_bundle(tmp_path, size=SIZE)
    first = opened()
    assert opened() is first

    make_reading_bundle(tmp_path, size=SIZE, seed=1)
    assert opened().bundle.hash != first.bundle.hash

    (tmp_path / "weights.safetensors").write_bytes(b"changed")
    with pytest.raises(BundleError, match="changed after the bundle was written"):
        opened()


def test_a_machine_on_which_a_bundle_answers_otherwise_opens_no_reader(tmp_path):
    make_shifted_bundle(tmp_path, size=SIZE)

    with pytest.raises(ResourceError, match="answers its own test films differently"):
        open_reader(tmp_path, accelerator="cpu", batch_size=2)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """Give a bundle that agrees in bf16, on a machine that has it."""
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    return make_reading_bundle(tmp_path, size=SIZE, agreement=(GOOD,))


def test_a_bundle_that_agrees_is_read_in_bf16_and_the_log_says_so(bundle, caplog):
    with caplog.at_level(logging.INFO):
        reader = open_reader(bundle, accelerator="cpu", batch_size=2)

    assert reader.choice.precision == "bf16"
    assert "reads in bf16" in caplog.text


def test_another_setting_opens_another_reader(bundle):
    def chosen(**settings):
        reader = open_reader(bundle, accelerator="cpu", batch_size=2, **settings)
        return reader.choice.precision

    assert chosen(precision="fp32") == "fp32"
    assert chosen(precision="bf16") == "bf16"
    assert chosen(saliency_method="gradcam") == "fp32"


def test_bf16_that_answers_the_test_films_otherwise_here_gives_way_to_fp32(
    bundle, monkeypatch
):
    def check(opened, reader):
        if reader.choice.precision == "bf16":
            raise ResourceError("other answers")
        return check_skew(opened, reader)

    monkeypatch.setattr(scoring_reader, "check_skew", check)

    choice = open_reader(bundle, accelerator="cpu", batch_size=2).choice

    assert choice.precision == "fp32"
    assert "bf16 does not answer its own test films on this machine" in choice.why
