"""
The hostile files, each alone: what becomes of them is written down, file by file.

hostile_outcomes.csv pins it also where the files' own list would allow either.
"""

import csv
from pathlib import Path

import pytest

from cxrmlops.system.workers import WorkerLimits, map_isolated
from cxrmlops.vocabulary.reasons import REASONS
from tests.hostile import Verdict, judge

pytestmark = pytest.mark.integration

OUTCOMES = Path(__file__).with_name("hostile_outcomes.csv")
WORKER_LIMITS = WorkerLimits(seconds=30, bytes=4 * 2**30)
MAX_MEGABYTES = 600  # peak of the worker that read all of them


def pinned() -> dict[str, tuple[str, str]]:
    """Give outcome and reason of each file."""
    with OUTCOMES.open() as file:
        return {
            row["file"]: (row["outcome"], row["reason"]) for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def listed(real_data) -> dict[str, str]:
    """What the files' own list expects of each."""
    with (real_data / "hostile_dicom/manifest.csv").open() as file:
        return {row["file"]: row["expect"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def verdicts(real_data, listed) -> dict[str, Verdict]:
    """Read every file as a night does, and write what is written about it."""
    paths = [real_data / "hostile_dicom" / name for name in listed]
    found = map_isolated(judge, paths, workers=1, ahead=1, limits=WORKER_LIMITS)
    return {
        name: done.output or Verdict("", 0, done.why)
        for name, done in zip(listed, found, strict=True)
    }


def test_every_hostile_file_meets_its_written_fate(verdicts):
    found = {
        name: ("rejected" if verdict.reason else "scored", verdict.reason)
        for name, verdict in verdicts.items()
    }

    assert len(found) == 80
    assert found == pinned()


def test_the_written_fates_are_those_that_the_files_own_list_expects(listed):
    certain = {name: e for name, e in listed.items() if " or " not in e}
    for name, expected in certain.items():
        outcome, _ = pinned()[name]
        if expected.startswith("reject"):
            assert outcome == "rejected", name
        elif expected.startswith("accept,"):
            assert outcome == "scored", name
    assert len(certain) > 50


def test_every_reason_is_one_that_reports_can_explain():
    reasons = {reason for _, reason in pinned().values()} - {""}

    assert reasons <= set(REASONS)


def test_nothing_goes_wrong_on_the_way(verdicts):
    assert {n: v.wrong for n, v in verdicts.items() if v.wrong} == {}


def test_no_hostile_file_takes_long_or_eats_memory(verdicts):
    slowest = max(verdicts, key=lambda name: verdicts[name].seconds)
    others = sum(v.seconds for name, v in verdicts.items() if name != slowest)

    assert verdicts[slowest].seconds < others, slowest  # a ratio: machines differ
    assert max(verdict.megabytes for verdict in verdicts.values()) < MAX_MEGABYTES
