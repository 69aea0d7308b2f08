import base64
from dataclasses import replace

import numpy as np
import pytest

from cxrmlops.data.served_image import Refusal, ServedImage, read_served
from tests.make import SCOPE, make_readable_image, save_image


def served(text: str, **scope) -> np.ndarray | Refusal:
    return read_served(ServedImage(text, size=64, scope=replace(SCOPE, **scope)))


@pytest.fixture
def content(tmp_path) -> bytes:
    path = tmp_path / "a.dcm"
    save_image(make_readable_image(1), path)
    return path.read_bytes()


def test_an_image_in_base64_with_line_breaks_becomes_a_square(content):
    square = served(base64.encodebytes(content).decode())

    assert (square.shape, square.dtype) == ((64, 64), np.uint8)
    assert np.ptp(square) > 0


@pytest.mark.parametrize("cut", [0, 1, 2])  # the last letters stand for 1, 2, 3 bytes
def test_an_image_may_have_as_many_bytes_as_the_scope_says_and_no_more(content, cut):
    content = content + bytes(3 - len(content) % 3 + cut)
    text = base64.b64encode(content).decode()

    assert isinstance(served(text, max_bytes=len(content)), np.ndarray)
    assert served(text, max_bytes=len(content) - 3) == Refusal("too_large")


@pytest.mark.parametrize("text", ["%%%", "AAA", "Zürich", None])
def test_what_is_no_base64_is_unreadable(text):
    assert served(text) == Refusal("unreadable")
