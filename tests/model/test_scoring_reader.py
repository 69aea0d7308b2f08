import pytest

from cxrmlops.model.scoring_reader import open_reader
from cxrmlops.system.errors import BundleError, ResourceError
from tests.make import make_reading_bundle, make_shifted_bundle

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
