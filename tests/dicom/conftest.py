from pathlib import Path

import pytest

from tests import make


@pytest.fixture
def film(tmp_path) -> Path:
    """A film on disk that the model can read."""
    return make.save_film(make.make_readable_film(), tmp_path / "film.dcm")
