import re
from pathlib import Path

import pytest

from cxrmlops.params import load_site
from cxrmlops.stack import containers
from cxrmlops.stack.passwords import NAMES
from cxrmlops.stack.place import Place
from cxrmlops.stack.services import Service, services
from cxrmlops.stack.stack import here
from tests.conftest import ROOT

ZONE = "Europe/Berlin"


def on_this_machine() -> Place:
    site = load_site(ROOT / "site.yaml").model_copy(update={"time_zone": ZONE})
    return here(ROOT, site)


@pytest.fixture(params=["machine", "containers"])
def place(request) -> Place:
    return on_this_machine() if request.param == "machine" else containers.place(ZONE)


def test_a_server_stands_after_those_that_it_needs(place):
    seen: set[str] = set()
    for service in services(place):
        assert set(service.needs) <= seen
        seen.add(service.name)


def test_machine_and_containers_have_the_same_servers():
    def facts(place: Place) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        return [(s.name, s.needs, s.passwords) for s in services(place)]

    assert facts(on_this_machine()) == facts(containers.place(ZONE))


def test_every_server_of_this_machine_listens_on_loopback_alone():
    for service in services(on_this_machine()):
        assert "0.0.0.0" not in service.script(on_this_machine())


def test_a_script_names_passwords_and_holds_none(place):
    known = set(NAMES)
    for service in services(place):
        named = set(re.findall(r"\$\{(CXR_\w+)\}", service.script(place)))
        assert named <= set(service.passwords) <= known


def test_the_worker_schedules_nights_in_the_time_zone_of_the_site(place):
    worker = by_name(place)["worker"]

    assert ("CXR_TIME_ZONE", ZONE) in worker.exports
    assert "{{ $CXR_TIME_ZONE }}" in (ROOT / "prefect.yaml").read_text()


def test_a_shell_fills_a_password_in_and_quotes_folders(tmp_path):
    folder = tmp_path / "with space"
    place = Place(
        folder=str(folder),
        project=str(folder),
        programs="",
        listen="127.0.0.1",
        hosts={},
        ports=load_site(ROOT / "site.yaml").ports,
        passwords='export {name}="it is $(echo secret)"',
        time_zone=ZONE,
    )
    folder.mkdir()
    shown = Service(
        "any",
        "Any",
        ("sh", "-c", 'echo "$ADDRESS" && pwd && env | grep -c ^CXR_ANY_PASSWORD='),
        exports=(("ADDRESS", "user:${CXR_ANY_PASSWORD}@host"),),
        passwords=("CXR_ANY_PASSWORD",),
    ).script(place)

    assert run(shown).splitlines() == ["user:it is secret@host", str(folder), "1"]


def by_name(place: Place) -> dict[str, Service]:
    return {service.name: service for service in services(place)}


def run(script: str) -> str:
    import subprocess

    return subprocess.run(
        ["sh", "-ec", script], capture_output=True, text=True, check=True, cwd=Path("/")
    ).stdout
