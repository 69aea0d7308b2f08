"""Nights in processes of their own, killed at random moments."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests import make
from tests.conftest import ROOT
from tests.pipeline.project import SURROUNDINGS, make_project

STEPS = """
SELECT (SELECT count(claimed_at) + count(scored_at) + count(written_at)
               + count(delivered_at) FROM studies)
     + (SELECT count(delivered_at) FROM objects)
"""
# Python with every library costs 10 s of a core: one process loads them and then forks
# a night for each line "<folder> <bundle>". The night is then a process like any other.
NURSERY = """
import os, signal, sys
from pathlib import Path
import flows.score as night
from typer import Typer
app = Typer()
app.command()(night.main)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    folder, bundle = line.split()
    number = os.fork()
    if number:
        print(number, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(folder)
    log = os.open("night.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1), os.dup2(log, 2)
    try:
        app(["--model", bundle])
    except SystemExit as stop:
        Path("night.code").write_text(str(stop.code or 0))
    finally:
        os._exit(0)
"""


class Night(Protocol):
    """A night's process."""

    def poll(self) -> object:
        """Give None while it lives."""

    def kill(self) -> None:
        """End it by SIGKILL."""

    def wait(self) -> object:
        """Give the exit code when it has ended; 0: well."""


class Forked:
    """A night that a nursery forked."""

    def __init__(self, number: int, folder: Path) -> None:
        self._number, self._folder = number, folder

    def poll(self) -> object:
        return None if Path(f"/proc/{self._number}").exists() else "ended"

    def kill(self) -> None:
        os.kill(self._number, signal.SIGKILL)

    def wait(self) -> object:
        while self.poll() is None:
            time.sleep(0.05)
        code = self._folder / "night.code"
        return int(code.read_text() == "0") - 1 if code.exists() else "killed"


@dataclass(frozen=True)
class Site:
    """A project with a backlog; its nights run as processes."""

    folder: Path
    start: Callable[[Path], Night]  # a night there; what it says goes to night.log

    def finish(self) -> None:
        """Run a night to its end."""
        assert self.start(self.folder).wait() == 0, self.said()

    def said(self) -> str:
        """Give the end of what the nights said."""
        return (self.folder / "night.log").read_text()[-4000:]

    def steps(self) -> int:
        """Count what the ledger knows as done: claims, answers, objects, receipts."""
        try:
            return self.rows(STEPS)[0][0]
        except sqlite3.OperationalError:  # the tables are being made
            return 0

    def rows(self, query: str) -> list[tuple]:
        """Ask the ledger."""
        address = f"file:{self.folder}/ledger.db?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as ledger:
            return ledger.execute(query).fetchall()

    def archive(self) -> dict[str, bytes]:
        """Give every object that was delivered."""
        files = (self.folder / "data/archive").glob("*.dcm")
        return {path.name: path.read_bytes() for path in files}


def surroundings(api: str, *, workers: int) -> dict[str, str]:
    """Give what a night finds in its environment."""
    ours = {
        "PREFECT_API_URL": api,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "CXR_WORKERS": str(workers),
    }
    return os.environ | SURROUNDINGS | ours


def starter(bundle: Path, api: str, *, workers: int) -> Callable[[Path], Night]:
    """Start nights as a schedule does."""

    def start(folder: Path) -> Night:
        with (folder / "night.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.score", "--model", str(bundle)],
                cwd=folder,
                env=surroundings(api, workers=workers),
                stdout=log,
                stderr=log,
            )

    return start


def make_site(folder: Path, start: Callable[[Path], Night], *, chunk: int) -> Site:
    """Make a project without films."""
    score = {"settle_minutes": 0, "chunk_studies": chunk}
    make_project(folder, params={"score": score})
    return Site(folder, start)


def fill_backlog(folder: Path, *, studies: int) -> None:
    """Write films: every tenth study has two, every twentieth is a hand or no film."""
    for n in range(studies):
        words = {"BodyPartExamined": "HAND"} if n % 20 == 7 else {}
        for image in range(2 if n % 10 == 3 else 1):
            made = make.make_readable_image(2 * n + image, study=str(n + 1), **words)
            make.save_image(made, folder / f"{n:04d}-{image}.dcm")
        if n % 20 == 17:
            (folder / f"{n:04d}-0.dcm").write_text(f"no film {n}")


def kill_nights(site: Site, *, kills: int, total: int, seed: int, pairs: int) -> int:
    """Start nights and kill each after some of the steps that are left.

    Args:
        site: where.
        kills: nights, or pairs of nights at once, that are killed.
        total: steps of an undisturbed run.
        seed: of the moments.
        pairs: every how many kills two nights run at once.

    Returns:
        How many processes were killed at work.
    """
    rng, killed = random.Random(seed), 0
    for left in range(kills, 0, -1):
        done = site.steps()
        share = max(1.0, rng.uniform(0, 1.5) * (total - done) / (left + 1))
        number = 1 if left % pairs else 2
        nights = [site.start(site.folder) for _ in range(number)]
        while site.steps() < done + share and nights[0].poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        for night in nights:
            if night.poll() is None:
                killed += 1
                night.kill()
            night.wait()
    return killed
