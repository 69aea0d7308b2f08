import configparser
import json
import stat

import pytest

from cxrmlops.params import load_site
from cxrmlops.stack import configuration
from cxrmlops.stack.stack import here
from tests.conftest import ROOT

PLACE = here(ROOT, load_site(ROOT / "site.yaml"))


def test_orthanc_lets_in_nobody_that_it_does_not_know():
    content = json.loads(configuration.orthanc(PLACE, plugins="/p.so", password="pw"))

    assert content["AuthenticationEnabled"]
    assert content["RegisteredUsers"] == {"cxr": "pw"}
    assert not content["RemoteAccessAllowed"]
    assert content["DicomCheckModalityHost"]
    assert content["DicomCheckCalledAet"]
    assert not content["DicomAlwaysAllowStore"]
    assert not content["DicomAlwaysAllowEcho"]
    assert list(content["DicomModalities"]) == ["CXRMLOPS"]


def test_mlflow_gives_nothing_to_who_has_no_login():
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(configuration.mlflow(PLACE, password="a%b=c"))

    assert settings["mlflow"]["default_permission"] == "NO_PERMISSIONS"
    assert settings["mlflow"]["admin_password"] == "a%b=c"


@pytest.mark.parametrize("account", [None, "www-data"])
def test_the_viewer_and_its_archive_have_one_address(account):
    text = configuration.viewer(PLACE, password="pw", account=account)

    assert "listen 127.0.0.1:3000;" in text
    assert "location /dicom-web/" in text
    assert "proxy_pass http://127.0.0.1:8042;" in text
    assert ("user www-data;" in text) == (account is not None)


def test_the_viewer_asks_the_address_it_came_from():
    text = configuration.viewer_settings()
    content = json.loads(text.removeprefix("window.config = ").rstrip(";\n"))

    (source,) = content["dataSources"]
    assert source["configuration"]["wadoRoot"] == "/dicom-web"
    assert content["defaultDataSourceName"] == source["sourceName"]


def test_settings_with_a_password_are_their_owners_alone(tmp_path):
    passwords = {"CXR_ARCHIVE_PASSWORD": "one", "CXR_MLFLOW_PASSWORD": "two"}
    (tmp_path / "viewer").mkdir()
    configuration.write_settings(tmp_path, PLACE, passwords, plugins=ROOT, account=None)

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 4
    for path in written:
        holds_one = any(password in path.read_text() for password in ("one", "two"))
        if holds_one:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
