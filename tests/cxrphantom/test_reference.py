import pytest

from cxrphantom.reference import reference_datasets


def test_reference_images_are_the_same_on_every_call():
    first, again = reference_datasets(2, side=96), reference_datasets(2, side=96)

    assert [image.PixelData for image in first] == [image.PixelData for image in again]
    assert first[0].SOPInstanceUID == again[0].SOPInstanceUID


@pytest.mark.parametrize("number", [1, 4])
def test_as_many_reference_images_as_asked(number):
    images = reference_datasets(number, side=96)

    assert len({image.SOPInstanceUID for image in images}) == number
    assert all(image.file_meta.TransferSyntaxUID for image in images)
