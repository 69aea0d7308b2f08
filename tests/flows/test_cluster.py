"""A night on a Dask cluster gives what one machine gives, whoever dies in it."""

import os
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cxrmlops.backlog.database import open_database, transaction
from cxrmlops.backlog.schema import chunks, objects, studies
from tests import make
from tests.conftest import ROOT, empty_postgres
from tests.flows import dask_cluster
from tests.flows.killing import fill_backlog, make_site, surroundings

pytestmark = pytest.mark.integration

PACK = """
import sys
import cloudpickle
from prefect.flows import load_flow_from_entrypoint
flow = load_flow_from_entrypoint("flows/score.py:score")
given = flow.fn.__globals__
night = given["Night"](*"rosbhkatrc")
packed = cloudpickle.dumps((flow, given["work"], night, given["End"]))
sys.stdout.buffer.write(packed)
"""
UNPACK = """
import pickle, sys
flow, work, night, end = pickle.load(sys.stdin.buffer)
assert "flows" not in sys.modules
print(work.name, night.run)
"""
SOAK_STUDIES = int(os.environ.get("CXR_DASK_STUDIES", "200"))


def night(folder: Path, bundle: Path, env: dict[str, str]) -> subprocess.Popen:
    with (folder / "night.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.score", "--model", str(bundle)],
            cwd=folder,
            env=env,
            stdout=log,
            stderr=log,
        )


def delivered(folder: Path) -> dict[str, bytes]:
    files = (folder / "data/archive").glob("*.dcm")
    return {path.name: path.read_bytes() for path in files}


def count(ledger, table, *where) -> int:
    with transaction(ledger) as connection:
        query = select(func.count()).select_from(table).where(*where)
        return connection.execute(query).scalar_one()


def holders(ledger) -> set[str]:
    """Name the processes that hold a chunk."""
    with transaction(ledger) as connection:
        held = select(chunks.c.holder).where(chunks.c.owner != "")
        return set(connection.execute(held).scalars())


def kill_at_work(dask, ledger, process: subprocess.Popen, folder: Path) -> None:
    """Kill a worker in mid-run, while both of them hold a chunk."""
    while len(holders(ledger)) < 2 or not delivered(folder):
        assert process.poll() is None, (folder / "night.log").read_text()
        time.sleep(0.02)
    dask.kill_worker()


def answers(ledger) -> list[tuple]:
    """Give study, outcome and probability of each row that has an answer."""
    with transaction(ledger) as connection:
        query = select(studies.c.study_uid, studies.c.outcome, studies.c.row)
        rows = connection.execute(query.order_by(studies.c.study_uid)).all()
    return [
        (uid, outcome, (row or {}).get("study", {}).get("probability"))
        for uid, outcome, row in rows
    ]


def finish(process: subprocess.Popen, folder: Path) -> None:
    """Wait for a night that must complete."""
    assert process.wait() == 0, (folder / "night.log").read_text()[-4000:]


def busy_seconds(ledger) -> float:
    """Give the seconds from the first claim to the last receipt."""
    with transaction(ledger) as connection:
        first = connection.execute(select(func.min(studies.c.claimed_at))).scalar_one()
        last = connection.execute(select(func.max(objects.c.delivered_at))).scalar_one()
    return (
        datetime.fromisoformat(last) - datetime.fromisoformat(first)
    ).total_seconds()


def test_the_flows_of_a_deployment_travel_to_where_they_are_not(tmp_path):
    """Prefect loads a deployment's flow under a name that no worker could import."""
    env = os.environ | {"CXR_DASK": "tcp://127.0.0.1:1"}
    here = env | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    there = env | {"PYTHONPATH": str(ROOT / "src")}

    packed = python(PACK, cwd=ROOT, env=here)
    told = python(UNPACK, cwd=tmp_path, env=there, input=packed)

    assert told.split() == [b"work", b"r"]


def python(code: str, **how: object) -> bytes:
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, **how)
    assert done.returncode == 0
    return done.stdout


@pytest.mark.services
@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("number", "chunk"),
    [
        (24, 3),
        pytest.param(
            SOAK_STUDIES, 10, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]
        ),
    ],
)
def test_a_night_on_a_cluster_that_loses_a_worker_gives_the_same_bytes(
    number, chunk, tmp_path, postgres
):
    from prefect.settings import PREFECT_API_URL

    bundle = make.make_reading_bundle(tmp_path / "bundle", size=32)
    fill_backlog(tmp_path / "films", studies=number)
    for name in ("alone", "undisturbed", "killed"):
        make_site(tmp_path / name, None, chunk=chunk)
        shutil.copytree(tmp_path / "films", tmp_path / name / "data/raw/backlog")
    env = surroundings(PREFECT_API_URL.value(), workers=1)
    here = tmp_path / "alone"
    finish(night(here, bundle, env | {"OMP_NUM_THREADS": "2"}), here)
    alone = open_database(f"sqlite:///{here}/ledger.db")
    seconds = {"alone": busy_seconds(alone)}

    for name in ("undisturbed", "killed"):
        empty_postgres(postgres)
        ours = env | {"CXR_LEDGER_URL": postgres}
        folder = tmp_path / name
        ledger = open_database(postgres)
        with dask_cluster.running(folder, ours) as dask:
            process = night(folder, bundle, ours | {"CXR_DASK": dask.address})
            if name == "killed":
                kill_at_work(dask, ledger, process, folder)
            finish(process, folder)
        seconds[name] = busy_seconds(ledger)
        if name == "killed":
            assert count(ledger, chunks, chunks.c.attempts > 1) > 0

        assert delivered(folder) == delivered(here)
        assert answers(ledger) == answers(alone)
        # of each chunk that died, one object may have been stored without its receipt
        again = count(ledger, objects, objects.c.receipt == "present")
        assert again <= (2 if name == "killed" else 0)
    ratio = seconds["alone"] / seconds["undisturbed"]
    print(f"{number} studies: seconds {seconds}; two workers are {ratio:.2f} x one")  # noqa: T201
