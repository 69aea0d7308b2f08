"""Nights killed at random moments: nothing lost, nothing twice, the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import make
from tests.flows.killing import (
    NURSERY,
    Forked,
    Site,
    fill_backlog,
    kill_nights,
    make_site,
    starter,
    surroundings,
)

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("prefect")]
SOAK_STUDIES = int(os.environ.get("CXR_SOAK_STUDIES", "1000"))
SOAK_KILLS = int(os.environ.get("CXR_SOAK_KILLS", "50"))


@pytest.fixture
def bundle(tmp_path) -> Path:
    return make.make_reading_bundle(tmp_path / "bundle", size=32)


@pytest.fixture
def api() -> str:
    from prefect.settings import PREFECT_API_URL

    return str(PREFECT_API_URL.value())


@pytest.fixture
def fork(bundle, api):
    """Start nights from a process that has loaded the libraries."""
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        env=surroundings(api, workers=0),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )

    def start(folder: Path) -> Forked:
        (folder / "night.code").unlink(missing_ok=True)
        nursery.stdin.write(f"{folder} {bundle}\n")
        return Forked(int(nursery.stdout.readline()), folder)

    yield start
    nursery.kill()
    nursery.wait()


def two_sites(folder: Path, start, *, studies: int, chunk: int) -> tuple[Site, Site]:
    """Give two projects with the same backlog; nothing has run in the second."""
    fill_backlog(folder / "films", studies=studies)
    for name in ("undisturbed", "killed"):
        site = make_site(folder / name, start, chunk=chunk)
        shutil.copytree(folder / "films", site.folder / "data/raw/backlog")
    undisturbed, killed = (Site(folder / n, start) for n in ("undisturbed", "killed"))
    undisturbed.finish()
    return undisturbed, killed


def check(undisturbed: Site, killed: Site, *, studies: int) -> None:
    """Nothing lost, nothing twice, the same bytes; nothing lies about."""
    assert killed.archive() == undisturbed.archive()
    assert results(killed) == results(undisturbed)
    for query in (
        "SELECT study_uid, state, outcome, reason FROM studies ORDER BY id",
        "SELECT sop_instance_uid, kind, study, state FROM objects ORDER BY 1",
    ):
        assert killed.rows(query) == undisturbed.rows(query)
    states = {state for (state,) in killed.rows("SELECT state FROM chunks")}
    assert states <= {"done", "dissolved"}
    assert killed.rows("SELECT count(*) FROM studies") == [(studies,)]
    assert killed.rows("SELECT count(*) FROM objects WHERE receipt = ''") == [(0,)]
    assert listed(killed) == listed(undisturbed)
    assert not stored(killed) - stored(undisturbed)
    left = [killed.folder / "data/score", killed.folder / "data/report"]
    assert [path for folder in left for path in folder.rglob("*.part")] == []


def results(site: Site) -> dict[str, bytes]:
    """Give every report, overlay and picture by its place below its chunk.

    A chunk that was killed too often is dissolved: each study is tried alone, and may
    then lie in two chunks. Both must say the same.
    """
    found: dict[str, bytes] = {}
    for chunk in (site.folder / "data/report").iterdir():
        for path in chunk.rglob("*"):
            if path.suffix not in (".dcm", ".jpg") and path.parent.name != "fhir":
                continue
            name, content = path.relative_to(chunk).as_posix(), path.read_bytes()
            assert found.setdefault(name, content) == content
    return found


def listed(site: Site) -> list[str]:
    """Name the studies on the page."""
    page = json.loads((site.folder / "data/report/reading_list.json").read_text())
    return sorted(entry["study_instance_uid"] for entry in page["entries"])


def stored(site: Site) -> Counter[str]:
    """Count, by study, the objects that were sent to the archive: from the audit."""
    lines = (site.folder / "audit.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    sent = [e for e in events if (e["event"], e["action"]) == ("110104", "C")]
    return Counter(event["study_uid"] for event in sent)


def test_nights_killed_at_random_moments_end_with_the_same_bytes(tmp_path, fork):
    undisturbed, killed = two_sites(tmp_path, fork, studies=30, chunk=5)

    hit = kill_nights(killed, kills=5, total=undisturbed.steps(), seed=1, pairs=3)
    killed.finish()

    assert hit >= 5
    check(undisturbed, killed, studies=30)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_a_long_night_killed_again_and_again_ends_with_the_same_bytes(
    tmp_path, bundle, api
):
    start = starter(bundle, api, workers=2)
    undisturbed, killed = two_sites(tmp_path, start, studies=SOAK_STUDIES, chunk=20)

    total = undisturbed.steps()
    hit = kill_nights(killed, kills=SOAK_KILLS, total=total, seed=2, pairs=5)
    killed.finish()

    assert hit >= SOAK_KILLS
    check(undisturbed, killed, studies=SOAK_STUDIES)
