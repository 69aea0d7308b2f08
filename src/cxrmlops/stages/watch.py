"""Answers of the nights + what val looked like -> drift, performance, alarms."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxrmlops.data.arrived_reports import conclusions, read_arrived
from cxrmlops.data.nights import read_nights
from cxrmlops.data.sources.rows import REPORT_ROWS, Namer
from cxrmlops.dicom.identity import pseudonym_key
from cxrmlops.evaluation.monitoring.alarms import alarms_of
from cxrmlops.evaluation.monitoring.drift import Reference, Rules, Window, compare
from cxrmlops.evaluation.monitoring.expected import check_calibration, expect
from cxrmlops.evaluation.monitoring.realised import months
from cxrmlops.model.bundle import Bundle, read_bundle
from cxrmlops.model.inference import calibrated
from cxrmlops.model.watch_reference import from_arrays
from cxrmlops.params import Site, WatchParams
from cxrmlops.records.tables import WATCHED
from cxrmlops.records.watch import Alarm, CalibrationCheck, Expected, Shift, Watch
from cxrmlops.reporting.watch_page import write_watch_page
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import whole_folder
from cxrmlops.vocabulary.findings import BALANCED
from cxrmlops.vocabulary.watched import Watched

log = logging.getLogger(__name__)

FILES = ("watch.json", "watch.html")
# alarms of these kinds say that the model sees what no report has checked yet
UNCHECKED = (Watched.HEADERS, Watched.PICTURE, Watched.EMBEDDING)


def run(
    *,
    score: Path,
    bundle: Path,
    out: Path,
    params: WatchParams,
    site: Site,
    night: str = "",
) -> Watch:
    """Write out/<night>/watch.json and watch.html, and return the former.

    Args:
        score: what the stage `score` wrote, or a folder of such folders.
        bundle: folder of the model whose answers are watched.
        out: one folder a night below it; an earlier watch of the night is replaced.
        params: windows, allowance, bounds.
        site: name, and where reports arrive.
        night: YYYY-MM-DD at the site; "" the last one that has answers.

    Raises:
        DataError: this model has answered nothing, or nothing in that night.
    """
    model = read_bundle(bundle)
    namer = Namer(pseudonym_key())
    answers = read_nights(score, model_key=model.key, namer=namer)
    night = _night(night, answers, score, model)
    answers = answers[answers.night <= night]
    reports, unread = REPORT_ROWS.empty(), list[str]()
    if site.arrived is not None:
        reports, unread = read_arrived(site.arrived, namer, model.card.scope)

    watch = _watch(answers, reports, model, params, site, night)
    watch = watch.model_copy(update={"unread_reports": tuple(unread)})
    told = alarms_of(watch, params.min_auc, params.min_recall)
    watch = watch.model_copy(update={"alarms": _since(told, out, night)})

    with whole_folder(out / night) as draft:
        watch.write(draft / "watch.json")
        write_watch_page(draft / "watch.html", watch)
    log.info(
        "watch: night %s, %d studies, %d in %d days, %d comparisons; %s",
        *(night, watch.n_night, watch.n_window, watch.nights, watch.n_compared),
        "; ".join(one.said for one in watch.alarms) or "no alarm",
    )
    return watch


def _night(asked: str, answers: pd.DataFrame, score: Path, model: Bundle) -> str:
    """Return the night to watch: the one asked for, else the last."""
    if answers.empty:
        raise DataError(
            f"{score} holds no answer of '{model.card.name}' ({model.hash[:12]}); "
            "score a night first (python -m flows.score), or name another bundle"
        )
    if asked and asked not in set(answers.night):
        raise DataError(
            f"{score} holds no answer of the night {asked}; the last one is "
            f"{answers.night.max()}, write it as YYYY-MM-DD"
        )
    return asked or str(answers.night.max())


def _watch(  # noqa: PLR0913
    answers: pd.DataFrame,
    reports: pd.DataFrame,
    model: Bundle,
    params: WatchParams,
    site: Site,
    night: str,
) -> Watch:
    last = dt.date.fromisoformat(night)
    window = answers[answers.night > _before(last, params.nights)]
    scored = answers[answers.outcome == "scored"]
    scored = scored.assign(conclusion=conclusions(reports, scored))
    shifts, n_reference = _shifts(answers, window, model, params, site, night)
    recent = scored[scored.night > _before(last, params.calibration_days)]
    calibration = check_calibration(
        recent,
        min_reported=params.min_reported,
        max_slope_error=params.max_slope_error,
        max_intercept_error=params.max_intercept_error,
    )
    points = model.card.operating_points
    return Watch(
        date=night,
        site=site.institution or site.name,
        model=model.card.name,
        bundle_hash=model.hash,
        n_night=int((answers.night == night).sum()),
        n_window=len(window),
        nights=params.nights,
        n_reference=n_reference,
        n_unwatched=int((~window.is_watched).sum()),
        n_compared=len(shifts),
        false_alarms=params.false_alarms,
        shifts=tuple(shifts),
        calibration=calibration,
        expected=_expected(window, model, calibration, shifts),
        months=tuple(months(scored, points, min_reported=params.min_reported)),
        unread_reports=(),
        alarms=(),
    )


def _before(night: dt.date, days: int) -> str:
    return (night - dt.timedelta(days=days)).isoformat()


def _shifts(  # noqa: PLR0913
    answers: pd.DataFrame,
    window: pd.DataFrame,
    model: Bundle,
    params: WatchParams,
    site: Site,
    night: str,
) -> tuple[list[Shift], int]:
    """Compare both windows with val, and rejects with the model's first nights."""
    known = from_arrays(model.reference)
    of_val = known.studies if known else WATCHED.empty().assign(source="")
    earlier = answers[answers.is_watched & ~answers.index.isin(window.index)]
    first = sorted(earlier.night.unique())[: params.baseline_nights]
    reference = Reference(
        studies=_flagged(of_val, model),
        patients=known.patients if known else 0,
        baseline=earlier[earlier.night.isin(first)],
    )
    seen = _flagged(window[window.is_watched], model)
    last = seen[seen.night == night]
    windows = [Window(params.nights, seen)]
    if len(last) < len(seen):  # else one comparison would count twice
        windows.append(Window(1, last))
    rules = Rules(
        false_alarms=params.false_alarms,
        min_studies=params.min_studies,
        min_group_studies=params.min_group_studies,
        min_shift=params.min_shift,
    )
    shifts = compare(windows, reference, site=site.name, rules=rules)
    return shifts, len(of_val)


def _flagged(studies: pd.DataFrame, model: Bundle) -> pd.DataFrame:
    """Add the answer at the balanced point, of night and val by the same rule."""
    logit = studies.logit.to_numpy(np.float64)
    probability = calibrated(logit, temperature=model.card.temperature)
    return studies.assign(flagged=probability >= _balanced(model))


def _balanced(model: Bundle) -> float:
    points = {point.name: point.threshold for point in model.card.operating_points}
    return points[BALANCED]


def _expected(
    window: pd.DataFrame,
    model: Bundle,
    calibration: CalibrationCheck,
    shifts: Sequence[Shift],
) -> Expected:
    moved = sorted({s.kind for s in shifts if s.is_alarm and s.kind in UNCHECKED})
    why = ""
    if calibration.verdict != "holds":
        word = calibration.verdict.replace("_", " ")
        why = f"calibration is {word}: {calibration.reason}"
    elif moved:
        why = f"an alarm of {', '.join(moved)} stands: calibration may not hold there"
    scored = window[window.outcome == "scored"]
    probability = scored.probability.to_numpy(np.float64)
    return expect(probability, threshold=_balanced(model), why=why)


def _since(told: Sequence[Alarm], out: Path, night: str) -> tuple[Alarm, ...]:
    """Date each alarm back to where its row began, night by night."""
    before = next(_earlier(out, night), None)
    known = {one.kind: one.since for one in before.alarms} if before else {}
    return tuple(
        one.model_copy(update={"since": known.get(one.kind, night)}) for one in told
    )


def _earlier(out: Path, night: str) -> Iterator[Watch]:
    """Read earlier watches, the newest first."""
    nights = sorted(path.parent.name for path in out.glob("[0-9]*/watch.json"))
    for name in reversed([one for one in nights if one < night]):
        yield Watch.read(out / name / "watch.json")
