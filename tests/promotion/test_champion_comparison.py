import pytest

from cxrmlops.model.bundle import read_bundle
from cxrmlops.promotion.champion_comparison import read_side
from cxrmlops.system.errors import DataError
from tests.make import make_splits
from tests.stages.evaluation_line import make_line


def test_images_that_are_not_there_are_named_by_the_stage_to_run(tmp_path):
    make_line(tmp_path, make_splits(patients=20))
    bundle = read_bundle(tmp_path / "train" / "bundle")
    assert len(read_side(bundle, "test", data=tmp_path)) == 2

    (tmp_path / "preprocess" / "shard-000.npy").unlink()

    with pytest.raises(DataError, match="holds 0 shard.*run the stage 'preprocess'"):
        read_side(bundle, "test", data=tmp_path)
