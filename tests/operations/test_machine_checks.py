from collections import namedtuple

import pytest

from cxrmlops.operations import machine_checks
from cxrmlops.operations.machine_checks import (
    GIB,
    check_clock,
    check_disk,
    check_memory,
    check_permissions,
    check_processor,
)
from cxrmlops.system.errors import ParamsError
from tests.operations.conftest import change_params, change_site

pytestmark = pytest.mark.usefixtures("site")
Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "state"),
    [(100, "ok"), (20, "ok"), (19, "note"), (2, "note"), (1, "broken")],
)
def test_a_disk_is_told_before_it_is_full(monkeypatch, free, state):
    usage = Usage(0, 0, free * GIB)
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda _: usage)

    assert check_disk().state == state


@pytest.mark.parametrize(("free", "state"), [(8, "ok"), (3, "note"), (0.5, "broken")])
def test_memory_that_is_short_is_told(monkeypatch, free, state):
    monkeypatch.setattr(machine_checks, "_free_memory", lambda: int(free * GIB))

    assert check_memory().state == state


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_checks, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(f"{3 * 2**20}\n")
    (tmp_path / "memory.current").write_text(f"{2**20}\n")
    assert machine_checks._free_memory() == 2 * 2**20

    (tmp_path / "memory.max").write_text("max\n")
    assert machine_checks._free_memory() > 2 * 2**20


def test_a_gpu_that_is_asked_for_and_absent_is_broken(monkeypatch, site):
    monkeypatch.setattr(machine_checks, "_cards", list)
    assert check_processor().state == "ok"

    change_params(site, "score", accelerator="gpu")
    found = check_processor()
    assert found.state == "broken"
    assert "score.accelerator" in found.said

    monkeypatch.setattr(machine_checks, "_cards", lambda: ["H100"])
    assert check_processor().said.startswith("H100; ")


def test_a_fixed_clock_is_broken(monkeypatch):
    assert check_clock().state == "ok"
    monkeypatch.setenv("CXR_CLOCK", "2024-01-31T02:00:00+00:00")

    found = check_clock()

    assert found.state == "broken"
    assert "2024-01-31T02:00:00" in found.said


def test_a_night_that_is_scheduled_in_another_time_zone_is_told(site):
    change_site(site, time_zone="Asia/Shanghai")
    assert check_clock().state == "ok"  # the schedule follows the site
    deployments = site / "prefect.yaml"
    text = deployments.read_text()
    deployments.write_text(text.replace('"{{ $CXR_TIME_ZONE }}"', "UTC"))

    found = check_clock()

    assert found.state == "note"
    assert found.do.startswith("prefect.yaml: timezone: Asia/Shanghai")


def test_an_unknown_time_zone_is_refused(site):
    change_site(site, time_zone="Mars/Olympus")

    with pytest.raises(ParamsError, match="Mars/Olympus"):
        check_clock()


@pytest.mark.parametrize("name", ["data/score", "data/local", "addresses.env"])
def test_what_names_patients_and_others_can_read_is_broken(site, name):
    path = site / name
    if path.suffix:
        path.write_text("")
    else:
        path.mkdir(parents=True)
    path.chmod(0o755)
    found = check_permissions()
    assert found.state == "broken"
    assert found.do == f"chmod -R go-rwx {name}"

    path.chmod(0o700)
    assert check_permissions().state == "ok"


def test_a_folder_that_cannot_be_written_is_named(site, monkeypatch):
    monkeypatch.setattr(
        machine_checks.os, "access", lambda path, _: str(path) != "data"
    )
    (site / "data").mkdir()

    found = check_permissions()

    assert found.state == "broken"
    assert str(site / "data") in found.said
