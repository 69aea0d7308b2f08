import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from cxrmlops.params import load_site
from cxrmlops.stack import containers, ohif
from cxrmlops.stack.passwords import NAMES
from cxrmlops.stack.services import services
from tests.conftest import ROOT

COMPOSE = ROOT / "infra" / "compose.yaml"


def test_the_file_in_the_checkout_is_made_from_the_description():
    assert COMPOSE.read_text() == containers.compose(time_zone="UTC")


def test_ports_are_published_on_loopback_alone():
    for one in yaml.safe_load(COMPOSE.read_text())["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", []))


def test_every_container_has_a_health_check_and_only_its_own_secrets():
    content = yaml.safe_load(COMPOSE.read_text())
    described = {s.name: s for s in services(containers.place("UTC"))}

    assert set(content["services"]) == set(described)
    assert set(content["secrets"]) == set(NAMES)
    for name, one in content["services"].items():
        assert one["healthcheck"]["test"]
        if described[name].passwords:
            assert one["secrets"] == list(described[name].passwords)


@pytest.mark.services
def test_a_parser_of_compose_files_takes_it():
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is missing")
    done = subprocess.run(
        [program, "-f", str(COMPOSE), "config", "-q"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


def test_what_the_containers_mount_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(ohif, "fetch_viewer", lambda *_args, **_others: False)
    containers.prepare(tmp_path, load_site(ROOT / "site.yaml"))

    mounted = [
        source.partition(":")[0].removeprefix("${CXR_STACK")
        for one in yaml.safe_load(COMPOSE.read_text())["services"].values()
        for source in one.get("volumes", [])
        if source.startswith("${CXR_STACK")
    ]
    assert mounted
    for name in NAMES:
        file = tmp_path / "secrets" / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(file.read_text()) >= 32
    for name in ("databases.sql", "orthanc.json", "viewer.conf", "mlflow.ini"):
        assert (tmp_path / name).exists(), name
    assert "0.0.0.0" in (tmp_path / "viewer.conf").read_text()
    assert Path(tmp_path / "viewer" / "app-config.js").exists()
