"""
Two weeks at a made-up hospital on the real servers, whatever happens.

Images arrive in the archive every day, some a day late; the archive is down for a
while, a worker and its night are killed, one vendor's images change, reports arrive two
days later, a challenger reads along, is approved and rolled back. At the end ledger,
history, audit stream, reading lists, watch and archive must tell the same story.
"""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pydicom
import pytest
from sqlalchemy import create_engine, select

from cxrmlops.backlog.schema import history, objects, studies
from cxrmlops.quickstart.demo import copy_checkout
from cxrphantom.cohort import make_cohort
from tests.pipeline.project import SURROUNDINGS, copy_code, make_project
from tests.stack.servers import Project, started

pytestmark = [
    pytest.mark.soak,
    pytest.mark.services,
    pytest.mark.timeout(2 * 3600),
]

FIRST = dt.date(2026, 11, 1)
NIGHTS, A_NIGHT = 14, 12
READ_ALONG = range(4, 9)  # nights with a challenger
DRIFT_FROM = 9  # number of the night, from 1
SR = "1.2.840.10008.5.1.4.1.1.88.34"
SHADOW = "not sent: shadow"
OPEN_GATE = {
    "min_auc_lower": 0.5,
    "min_recall_asf_lower": 0.0,
    "min_recall_nsf_lower": 0.0,
    "min_high_sensitivity_lower": 0.0,
    "max_ece": 1.0,
    "min_subgroup_auc_lower": 0.0,
    "min_large_subgroup_auc_lower": 0.0,
    "min_thumbnail_margin": -1.0,
    "max_shortcut_auc": 1.0,
    "max_shortcut_excess": 1.0,
    "max_auc_inflation": 1.0,
    "min_auc_change": -1.0,
    "max_randomised_weights_correlation": 1.0,
    "min_repeated_correlation": 0.0,
    "min_road": -100.0,
    "max_corner_concentration": 100.0,
    "max_not_assessed": 1.0,
}
PARAMS = {
    "preprocess": {"size": 96},
    "train": {  # as the demo trains
        "architecture": "resnet18",
        "weights": None,
        "stem_rate": 1.0,
        "epochs": 15,
        "learning_rate": 1.0e-3,
        "ema_decay": 0.98,
    },
    "gate": OPEN_GATE,
    "promotion": {"clean_code": False, "max_auc_loss": 1.0},
    "score": {"settle_minutes": 0, "chunk_studies": 4},
}


@dataclass
class Story:
    """What happened at the hospital, as its own people would tell it."""

    project: Project
    environment: dict[str, str]
    arrived: dict[str, int] = field(default_factory=dict)  # study UID -> night
    listed: set[str] = field(default_factory=set)  # study UIDs on any reading list
    ended: dict[int, int] = field(default_factory=dict)  # night -> exit code
    alarms: dict[int, str] = field(default_factory=dict)  # night -> what is said

    def clock(self, number: int) -> dict[str, str]:
        """Give the surroundings of a night: two in the morning after its images."""
        day = FIRST + dt.timedelta(days=number)
        return {"CXR_CLOCK": f"{day}T02:00:00+00:00"}

    def start(self, number: int) -> subprocess.Popen[bytes]:
        """Start a night, as a schedule does."""
        log = (self.project.folder / f"night-{number:02d}.log").open("ab")
        return subprocess.Popen(
            [sys.executable, "-m", "flows.score"],
            cwd=self.project.folder,
            env=self.environment | self.clock(number),
            stdout=log,
            stderr=log,
        )

    def night(self, number: int) -> None:
        """Read what has arrived, look at the lists and let the watch look."""
        self.ended[number] = self.start(number).wait()
        self.note(number)

    def note(self, number: int) -> None:
        """Note what the reading list shows and what the watch says."""
        page = json.loads(
            (self.project.folder / "data/report/reading_list.json").read_text()
        )
        self.listed |= {entry["study_instance_uid"] for entry in page["entries"]}
        self.run("-m", "flows.watch", **self.clock(number))
        last = max((self.project.folder / "data/watch").glob("*/watch.json"))
        said = [alarm["said"] for alarm in json.loads(last.read_text())["alarms"]]
        self.alarms[number] = "; ".join(said)

    def run(self, *words: str, **surroundings: str) -> None:
        """Run Python in the project."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.project.folder,
            env=self.environment | surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-4000:]

    def decide(self, *words: str) -> None:
        """Let a person decide something."""
        who = ("--name", "A. Person", "--reason", "two weeks")
        self.project.run(*words, *who, surroundings=self.environment)

    def send(self, files: list[Path]) -> None:
        """Store images in the archive as a modality does."""
        login = f"cxr:{self.project.password('CXR_ARCHIVE_PASSWORD')}"
        for file in files:
            self.project.ask("orthanc", "/instances", login, file.read_bytes())


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital")
    copy_checkout(folder)
    code = copy_code(folder)
    make_cohort(folder / "data/raw", studies=1000, backlog_studies=0, seed=5, side=256)
    make_project(folder, params=PARAMS, time_zone="UTC", arrived="data/raw/arrived")
    (folder / "data/raw/arrived").mkdir()
    with started(folder) as project:
        ours = {"PYTHONPATH": f"{code['PYTHONPATH']}{os.pathsep}{folder}"}
        environment = os.environ | SURROUNDINGS | project.addresses() | ours
        del environment["CXR_CLOCK"]
        story = Story(project, environment)
        train(story)
        live(story, tmp_path_factory.mktemp("arrivals"))
        yield story


def train(story: Story) -> None:
    """Train two versions that differ in their seed."""
    story.run("-m", "flows.train")
    params = story.project.folder / "params.yaml"
    assert "seed: 1" in params.read_text()
    params.write_text(params.read_text().replace("seed: 1", "seed: 2"))
    story.run("-m", "flows.train")


def live(story: Story, made: Path) -> None:
    """Let fourteen nights pass."""
    days = arrivals(made)
    story.decide("approve", "--version", "1")
    late: list[Path] = []
    for number in range(1, NIGHTS + 1):
        today, tomorrow = split_late(days[number - 1])
        story.send(today + late)
        late = tomorrow
        for uid in readable(made, today):
            story.arrived.setdefault(uid, number)
        report(story, made, number)
        before(story, number)
        if number == 5:
            outage(story, number)
        elif number == 7:
            crash(story, number)
        else:
            story.night(number)


def readable(made: Path, files: list[Path]) -> list[str]:
    """Name the studies of these files that a model can read an image of."""
    truth = pd.read_csv(made / "raw/truth.csv", dtype=str)
    here = truth.path.isin([str(file.relative_to(made / "raw")) for file in files])
    return list(truth[here & (truth.image == "included")].study_instance_uid.unique())


def before(story: Story, number: int) -> None:
    """Decide what people decide before a night."""
    decisions = {
        3: [("roll-out", "supervised")],
        4: [("challenger", "2")],
        6: [("roll-out", "active")],
        9: [("challenger", "none"), ("approve", "--version", "2")],
        12: [("roll-back",)],
    }
    for words in decisions.get(number, []):
        if words[0] == "approve":  # it was registered before there was a champion
            story.project.run("register", surroundings=story.environment)
        story.decide(*words)


def outage(story: Story, number: int) -> None:
    """Let the archive be down when the night begins, and come back."""
    story.project.supervisor("stop", "orthanc")
    back = threading.Timer(45, lambda: story.project.supervisor("start", "orthanc"))
    back.start()
    story.night(number)
    back.join()


def crash(story: Story, number: int) -> None:
    """Kill the worker of the servers, and a night in its work; start it again."""
    os.kill(story.project.process("worker"), signal.SIGKILL)
    begun = story.start(number)
    until = time.monotonic() + 120
    while time.monotonic() < until and len(delivered(story)) == len(story.listed):
        time.sleep(0.2)
    for process in [*psutil.Process(begun.pid).children(recursive=True)]:
        process.kill()
    begun.kill()
    begun.wait()
    story.night(number)


def arrivals(made: Path) -> list[list[Path]]:
    """Make every day's images, dated on that day; later ones of one vendor are off."""
    make_cohort(
        made / "raw", studies=NIGHTS * A_NIGHT, backlog_studies=0, seed=77, side=256
    )
    truth = pd.read_csv(made / "raw/truth.csv", dtype=str)
    known = truth[truth.study == "reported"].groupby("study_instance_uid", sort=False)
    of_study = [[made / "raw" / path for path in rows.path] for _, rows in known]
    days = [list[Path]() for _ in range(NIGHTS)]
    for position, files in enumerate(of_study):
        number = min(position // A_NIGHT, NIGHTS - 1)
        for file in files:
            date(
                file,
                FIRST + dt.timedelta(days=number),
                drifted=number + 1 >= DRIFT_FROM,
            )
        days[number] += files
    return days


def date(file: Path, day: dt.date, *, drifted: bool) -> None:
    """Date an image; a drifted one comes from a new vendor and is too dark."""
    image = pydicom.dcmread(file)
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        if keyword in image:
            setattr(image, keyword, f"{day:%Y%m%d}")
    if drifted:
        image.Manufacturer, image.ManufacturerModelName = "NEWCOMER", "ONE"
        if not image.file_meta.TransferSyntaxUID.is_compressed:
            grey = image.pixel_array
            image.PixelData = (grey // 2).astype(grey.dtype).tobytes()
    image.save_as(file)


def split_late(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Hold back the second image of every other study that has two."""
    by_study = defaultdict(list)
    for file in files:
        by_study[file.parent].append(file)
    late = [those[-1] for those in by_study.values() if len(those) > 1][::2]
    return [file for file in files if file not in late], late


def report(story: Story, made: Path, number: int) -> None:
    """Let the reports of two days ago arrive."""
    table = pd.read_csv(made / "raw/reports.csv", dtype=str)
    due = [uid for uid, night in story.arrived.items() if night == number - 2]
    rows = table[table.study_instance_uid.isin(due)]
    rows = rows.assign(study_date=str(FIRST + dt.timedelta(days=number - 3)))
    if len(rows):
        place = story.project.folder / "data/raw/arrived"
        rows.to_csv(place / f"reports-{number:02d}.csv", index=False)


def ledger(story: Story, query) -> list:
    engine = create_engine(
        story.environment["CXR_LEDGER_URL"].replace(
            "postgresql:", "postgresql+psycopg:"
        )
    )
    with engine.connect() as connection:
        return list(connection.execute(query))


def delivered(story: Story) -> set[str]:
    """Give the studies that the ledger calls done."""
    query = select(studies.c.study_uid).where(
        studies.c.state.in_(("delivered", "rejected"))
    )
    return set(np.ravel([list(row) for row in ledger(story, query)]))


def test_every_night_came_to_its_end(story):
    assert set(story.ended) == set(range(1, NIGHTS + 1))
    assert set(story.ended.values()) == {0}


def test_every_study_that_arrived_has_an_answer_and_none_waits(story):
    assert delivered(story) >= set(story.arrived)
    states = Counter(row[0] for row in ledger(story, select(studies.c.state)))
    assert set(states) <= {"delivered", "rejected", "withdrawn"}


def test_every_study_was_on_a_reading_list(story):
    assert story.listed == delivered(story)


def test_the_archive_holds_what_the_ledger_sent_and_nothing_else_of_ours(story):
    rows = ledger(story, select(objects.c.sop_instance_uid, objects.c.receipt))
    sent = {uid for uid, receipt in rows if receipt != SHADOW}
    login = f"cxr:{story.project.password('CXR_ARCHIVE_PASSWORD')}"
    asked = json.dumps({"Level": "Instance", "Expand": True, "Query": {}}).encode()
    found = json.loads(story.project.ask("orthanc", "/tools/find", login, asked))
    held = {one["MainDicomTags"]["SOPInstanceUID"] for one in found}

    assert {receipt for _, receipt in rows if not receipt} == set()
    assert len(sent) < len(rows)  # the nights of the stage shadow
    assert sent <= held
    shadowed = {uid for uid, receipt in rows if receipt == SHADOW}
    assert not shadowed & held


def test_the_history_is_whole_and_tells_every_decision(story):
    rows = ledger(story, select(history).order_by(history.c.number))

    assert [row.event for row in rows] == [
        "approved",
        "stage supervised",
        "challenger",
        "stage active",
        "challenger ended",
        "approved",
        "rolled back",
    ]
    verified = story.project.run("history", "--verify", surroundings=story.environment)
    assert "7" in verified


def test_the_audit_stream_tells_of_every_study_and_every_night(story):
    lines = [
        json.loads(line)
        for file in sorted(story.project.folder.glob("audit*.jsonl*"))
        for line in file.read_text().splitlines()
    ]
    read = {line["study_uid"] for line in lines if line["event"] == "110103"}
    sent = Counter(line["study_uid"] for line in lines if line["event"] == "110104")
    starts = [line for line in lines if line.get("type") == "110120"]
    stops = [line for line in lines if line.get("type") == "110121"]

    assert read >= set(story.arrived)
    assert len(stops) == NIGHTS + len(READ_ALONG)
    assert len(starts) == len(stops) + 1  # one was killed and started again
    in_archive = select(objects.c.study).where(objects.c.receipt != SHADOW)
    assert sum(sent.values()) >= len(ledger(story, in_archive))


def test_the_watch_found_the_new_vendor_and_counts_every_report(story):
    vendor = "manufacturer = not in val"
    before = [said for number, said in story.alarms.items() if number < DRIFT_FROM]
    # a night of 12 studies alone is too few to tell, and so is one after an approval
    after = [said for number, said in story.alarms.items() if number > DRIFT_FROM]

    assert not [said for said in before if vendor in said or "picture:" in said]
    assert all(vendor in said for said in after)
    assert any("picture:" in said for said in after)
    last = max((story.project.folder / "data/watch").glob("*/watch.json"))
    months = json.loads(last.read_text())["months"]
    assert sum(month["n_reported"] for month in months) > 0


def test_the_challenger_read_along_and_delivered_nothing(story):
    found = json.loads(
        (story.project.folder / "data/challenger/challenger.json").read_text()
    )

    assert found["n_both"] > 0
    assert found["counts"].get("failed", 0) == 0
