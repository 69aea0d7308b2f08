import pytest

from cxrphantom.reference import reference_datasets


def test_reference_films_are_the_same_on_every_call():
    first, again = reference_datasets(2, side=96), reference_datasets(2, side=96)

    assert [film.PixelData for film in first] == [film.PixelData for film in again]
    assert first[0].SOPInstanceUID == again[0].SOPInstanceUID


@pytest.mark.parametrize("number", [1, 4])
def test_as_many_reference_films_as_asked(number):
    films = reference_datasets(number, side=96)

    assert len({film.SOPInstanceUID for film in films}) == number
    assert all(film.file_meta.TransferSyntaxUID for film in films)
