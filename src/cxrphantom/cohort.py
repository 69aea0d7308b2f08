"""
Patients, studies, films and reports on disk: what a hospital would hand over.

    folder/films/<patient>/<study>/<image>.dcm    the archive
    folder/backlog/...                            studies that wait for an answer
    folder/reports.csv                            see `cxrphantom.reports`
    folder/truth.csv                              what should become of each file
    folder/regions.csv                            where findings were planted

regions.csv has the place of every planted finding, by film: rectangles that together
are its mask (`cxrphantom.regions`), for `examine.boxes` of params.yaml.

truth.csv is for people and tests; no stage reads it. Its columns: `path` (relative to
folder), `sop_instance_uid`, `study_instance_uid`, `image` (included, or the reason it
must be refused), `study` (reported, uncertain, disputed, outside_window, no_report),
`abnormal`, `findings` (code:severity joined by "|"), `view`, `vendor`.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import ResourceError
from cxrmlops.system.files import whole_folder
from cxrmlops.system.workers import map_isolated
from cxrphantom.plan import PlannedStudy, plan_studies
from cxrphantom.regions import COLUMNS as REGION_COLUMNS
from cxrphantom.reports import COLUMNS, report_row, write_table
from cxrphantom.study import WrittenStudy, write_study

log = logging.getLogger(__name__)

TRUTH_COLUMNS = (
    "path",
    "sop_instance_uid",
    "study_instance_uid",
    "image",
    "study",
    "abnormal",
    "findings",
    "view",
    "vendor",
)


def make_cohort(
    folder: Path,
    *,
    studies: int,
    backlog_studies: int,
    seed: int,
    side: int,
    workers: int | None = None,
    bias: float = 0.0,
) -> dict[str, int]:
    """Write a made-up hospital's films and reports; the same seed, the same bytes.

    Args:
        folder: replaced as a whole, only when all is written.
        studies: regular studies of the cohort; about 2 % of misfit studies come on top.
        backlog_studies: studies that wait, of other patients.
        seed: decides everything.
        side: pixels of a square film's side; vendors' matrices differ by +- 20 %.
        workers: processes; default CXR_WORKERS, else all cores. No effect on bytes.
        bias: probability that the vendor follows the label: a planted shortcut.

    Returns:
        Counts: studies, patients, films, backlog_studies, backlog_films, refused
        (films of both folders that must be refused), abnormal (studies of the cohort).
    """
    planned = plan_studies(
        studies=studies, backlog_studies=backlog_studies, seed=seed, bias=bias
    )
    workers = workers or int(os.environ.get("CXR_WORKERS", "0")) or os.cpu_count() or 1
    with whole_folder(folder) as draft:
        for name in ("films", "backlog"):
            (draft / name).mkdir()
        task = partial(write_study, folder=draft, seed=seed, side=side)
        done = _run(task, planned, workers)
        written = list(_progress(done, len(planned)))
        truth = [row for study in written for row in study.truth]
        regions = [row for study in written for row in study.regions]
        write_table(_reports(planned), draft / "reports.csv", COLUMNS)
        write_table(truth, draft / "truth.csv", TRUTH_COLUMNS)
        write_table(regions, draft / "regions.csv", REGION_COLUMNS)
    counts = _count(planned, truth)
    log.info("synthetic: %s", ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


def _run(
    task: "partial[WrittenStudy]", planned: list[PlannedStudy], workers: int
) -> Iterator[WrittenStudy]:
    few = workers == 1 or len(planned) < 8
    made = map_isolated(task, planned, workers=0 if few else workers, ahead=4 * workers)
    for done in made:
        if done.output is None:
            raise ResourceError(
                f"a made-up study could not be made ({done.why}); free some memory, "
                "or set CXR_WORKERS lower, and run again"
            )
        yield done.output


def _progress(done: Iterable[WrittenStudy], total: int) -> Iterator[WrittenStudy]:
    timer = ProgressTimer()
    for number, study in enumerate(done, start=1):
        yield study
        if seconds := timer.due():
            pace = number / seconds
            log.info("synthetic: %d of %d studies, %.0f/s", number, total, pace)


def _reports(planned: list[PlannedStudy]) -> Iterator[dict[str, str]]:
    for study in planned:
        if study.conclusion and study.folder == "films":
            yield report_row(study.exam, study.findings, study.conclusion)


def _count(planned: list[PlannedStudy], truth: list[dict[str, str]]) -> dict[str, int]:
    cohort = [study for study in planned if study.folder == "films"]
    images = Counter(row["path"].split("/")[0] for row in truth)
    return {
        "studies": len(cohort),
        "patients": len({study.exam.person.number for study in cohort}),
        "films": images["films"],
        "abnormal": sum(bool(study.findings) for study in cohort),
        "backlog_studies": len(planned) - len(cohort),
        "backlog_films": images["backlog"],
        "refused": sum(row["image"] != "included" for row in truth),
    }
