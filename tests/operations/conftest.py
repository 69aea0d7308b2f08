import shutil
from pathlib import Path

import pytest
import yaml

from tests import listeners
from tests.conftest import ROOT


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A project folder with the settings that are shipped, to stand in."""
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("params.yaml", "site.yaml", "prefect.yaml"):
        shutil.copy(ROOT / name, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def post_office():
    with listeners.smtp() as server:
        yield server


def change_site(folder: Path, **values: object) -> None:
    """Change lines of site.yaml."""
    content = yaml.safe_load((folder / "site.yaml").read_text())
    (folder / "site.yaml").write_text(yaml.safe_dump(content | values))


def change_params(folder: Path, section: str, **values: object) -> None:
    """Change numbers of a section of params.yaml."""
    content = yaml.safe_load((folder / "params.yaml").read_text())
    content[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
