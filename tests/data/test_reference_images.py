"""Reference images ship with the package and are what they were."""

import numpy as np
import pydicom
import pytest

from cxrmlops.data import reference_images
from cxrmlops.data.reference_images import CHECKSUMS, reference_pictures
from cxrmlops.system.errors import DataError
from cxrmlops.vocabulary.scope import Scope
from tests.make import SCOPE


@pytest.fixture
def scope() -> Scope:
    return SCOPE


def test_every_shipped_image_is_read_whole_and_differs_from_the_others(scope):
    pictures = reference_pictures(len(CHECKSUMS), scope=scope)

    headers = [
        pydicom.dcmread(reference_images.FOLDER / f"{number}.dcm")
        for number in range(len(CHECKSUMS))
    ]
    sizes = [(header.Rows, header.Columns) for header in headers]
    assert [picture.image.shape for picture in pictures] == sizes
    assert len({picture.image.tobytes() for picture in pictures}) == len(CHECKSUMS)
    assert all(np.ptp(picture.image) > 0 for picture in pictures)


def test_no_image_is_shipped_without_a_checksum():
    shipped = {path.name for path in reference_images.FOLDER.iterdir()}

    assert shipped == {f"{number}.dcm" for number in range(len(CHECKSUMS))}


@pytest.mark.parametrize("change", ["missing", "other"])
def test_an_image_that_is_not_the_shipped_one_is_refused(
    change, scope, tmp_path, monkeypatch
):
    for path in reference_images.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if change == "missing":
        (tmp_path / "0.dcm").unlink()
    else:
        (tmp_path / "0.dcm").write_bytes((tmp_path / "1.dcm").read_bytes())
    monkeypatch.setattr(reference_images, "FOLDER", tmp_path)

    with pytest.raises(DataError, match="not the reference image that was shipped"):
        reference_pictures(1, scope=scope)
