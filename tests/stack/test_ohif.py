import io
import tarfile
from hashlib import sha512

import pytest

from cxrmlops.stack import ohif
from cxrmlops.system.errors import ServiceError


def package(path, members: dict[str, bytes]) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return sha512(path.read_bytes()).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")  # nobody there
    cache = tmp_path / "cache"
    cache.mkdir()
    return cache


def test_a_package_that_lies_there_is_unpacked_without_a_network(
    tmp_path, cache, monkeypatch
):
    name = f"app-{ohif.VERSION}.tgz"
    content = {"package/dist/index.html": b"<html>", "package/LICENSE": b"MIT"}
    monkeypatch.setattr(ohif, "SHA512", package(cache / name, content))

    assert ohif.fetch_viewer(tmp_path / "dist", cache=cache)
    assert (tmp_path / "dist" / "index.html").read_bytes() == b"<html>"
    assert not (tmp_path / "dist" / "LICENSE").exists()
    assert not ohif.fetch_viewer(tmp_path / "dist", cache=cache)


def test_a_package_that_was_changed_is_never_unpacked(tmp_path, cache):
    package(cache / f"app-{ohif.VERSION}.tgz", {"package/dist/index.html": b"bad"})

    with pytest.raises(ServiceError, match="could not be fetched from http://127"):
        ohif.fetch_viewer(tmp_path / "dist", cache=cache)
    assert not (tmp_path / "dist").exists()


def test_a_file_that_would_leave_its_folder_is_refused(tmp_path, cache, monkeypatch):
    name = f"app-{ohif.VERSION}.tgz"
    content = {"package/dist/../../outside.html": b"<html>"}
    monkeypatch.setattr(ohif, "SHA512", package(cache / name, content))

    with pytest.raises(ServiceError, match="outside.html .* leaves its folder"):
        ohif.fetch_viewer(tmp_path / "dist", cache=cache)
    assert not list(tmp_path.rglob("outside.html"))


def test_without_a_network_the_sentence_says_which_file_to_put_where(tmp_path, cache):
    with pytest.raises(ServiceError, match=f"put its npm package as {cache}/app-"):
        ohif.fetch_viewer(tmp_path / "dist", cache=cache)
