"""What is read in pixels: markers pass, anything else is for a person."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cxrmlops.export import burned_in_text
from cxrmlops.export.burned_in_text import (
    OVERLAP,
    SIDE,
    Word,
    full_range,
    is_suspicious,
    read_words,
    reader_version,
)
from cxrmlops.system.errors import ResourceError


def seen(text: str, score: float = 0.9) -> bool:
    return is_suspicious(Word(text, score, (0, 0, 1, 1)))


@pytest.mark.parametrize("text", ["L", "PORTABLE AP", "semi-erect", "R/PA", "12", "00"])
def test_a_marker_is_let_through(text):
    assert not seen(text)


@pytest.mark.parametrize("text", ["MUELLER", "1974-03-12", "L WANG", "Li^Wu", "4711"])
def test_anything_else_is_for_a_person(text):
    assert seen(text)


def test_what_the_reader_does_not_believe_is_none():
    assert not seen("MUELLER", 0.4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_stored_values_are_spread_over_all_greys_in_their_order(dtype):
    stored = np.array([[5, 5, 7], [100, 120, 7]], dtype)
    if dtype is np.int16:
        stored -= 50

    grey = full_range(stored)

    assert grey.dtype == np.uint8
    assert grey.tolist() == [[0, 0, 85], [170, 255, 85]]


@pytest.mark.parametrize("length", [1, SIDE, SIDE + 1, 4280])
def test_tiles_cover_a_side_and_overlap(length):
    starts = burned_in_text._starts(length)

    assert (starts[0], starts[-1]) == (0, max(0, length - SIDE))
    steps = np.diff(starts)
    assert (steps <= SIDE - OVERLAP).all()


@pytest.mark.integration
@pytest.mark.parametrize("ground", [0, 60])
def test_a_name_in_an_even_corner_of_a_large_film_is_read_where_it_stands(ground):
    picture = Image.new("L", (2000, 1700), ground)
    ImageDraw.Draw(picture).text((1700, 1600), "MUELLER^ANNA", fill=220, font_size=30)

    found = [word for word in read_words(np.asarray(picture)) if is_suspicious(word)]

    assert any("MUELLER" in word.text for word in found)
    left, top, right, bottom = found[0].box
    assert 1690 <= left < right <= 2000
    assert 1590 <= top < bottom <= 1650


def test_without_the_reader_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.setattr(burned_in_text, "_PACKAGES", ("no-reader-of-this-name",))

    with pytest.raises(ResourceError, match=r"pip install 'cxrmlops\[export\]'"):
        reader_version()
