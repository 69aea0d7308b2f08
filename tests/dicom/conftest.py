from pathlib import Path

import pytest

from tests import make


@pytest.fixture
def image(tmp_path) -> Path:
    """A film on disk that the model can read."""
    return make.save_image(make.make_readable_image(), tmp_path / "film.dcm")
