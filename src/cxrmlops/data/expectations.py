"""
What the cohort promises, in Great Expectations.

Promises about rows name the rows that break them; promises about the whole set say
yes or no. The only module, with `data_docs`, that touches Great Expectations.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cxrmlops.records.validation import Expectation

# Its own level would tell of temporary folders at INFO.
logging.getLogger("great_expectations.data_context.types.base").setLevel("WARNING")

VIEWS = ("PA", "AP", "unknown")
PORTABLE = ("yes", "no", "unknown")
SEXES = ("F", "M", "O", "unknown")
MAX_AGE_YEARS = 120
FIRST_YEAR = 1980  # no digital radiography before
LAST_YEAR = 2100

# Of the 0-1 picture; real chest films keep far away from these.
MIN_STD = 0.03  # below: nearly constant
MAX_BLACK = 0.90  # fraction of pixels below 0.02
MAX_WHITE = 0.75  # fraction of pixels above 0.98


Promise = Any  # an expectation; its meta["reason"] is the word for breaking it


@dataclass(frozen=True)
class Checked:
    """What Great Expectations found in one table."""

    table: str
    result: Any  # ExpectationSuiteValidationResult, no values of rows in it
    broken: dict[str, list[int]]  # reason -> index labels of the rows that break it
    findings: list[Expectation]  # one per promise

    @property
    def reasons(self) -> list[str]:
        """Name the broken promises, in their order."""
        return [one.reason for one in self.findings if not one.success]


def cohort_rows(images: pd.DataFrame) -> pd.DataFrame:
    """Add to the cohort table what a promise about a row needs from other rows."""
    studies = images.groupby("study_id", dropna=False)
    return images.assign(
        patients_in_study=studies.patient_id.transform("nunique"),
        labels_in_study=studies.abnormal.transform("nunique"),
    )


def image_rows(images: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return statistics of the decoded films, and who shares their pixels.

    Args:
        images: the cohort table.
        index: of preprocess, row by row the same images.

    Returns:
        One row per decoded film, on the row numbers of `images`.
    """
    decoded = index.assign(patient_id=images.patient_id.to_numpy())
    decoded = decoded[decoded.rejected == ""]
    same = decoded.groupby("pixel_hash")
    return decoded.assign(
        patients_with_image=same.patient_id.transform("nunique"),
        copy=decoded.groupby(["patient_id", "pixel_hash"]).cumcount(),
    )


def cohort_promises() -> list[Promise]:
    """Return what every row of the cohort table keeps."""
    return [
        _promise("ExpectColumnValuesToNotBeNull", "no_id", "image_id"),
        _promise("ExpectColumnValuesToBeUnique", "id_twice", "image_id"),
        _promise("ExpectColumnValuesToNotBeNull", "no_study", "study_id"),
        _promise("ExpectColumnValuesToNotBeNull", "no_patient", "patient_id"),
        _one("study_of_two_patients", "patients_in_study"),
        _one("study_with_two_labels", "labels_in_study"),
        _of("unknown_word_view", "view", VIEWS),
        _of("unknown_word_portable", "portable", PORTABLE),
        _of("unknown_word_sex", "sex", SEXES),
        _between("impossible_age", "age_years", low=0, high=MAX_AGE_YEARS),
        _between("impossible_year", "year", low=FIRST_YEAR, high=LAST_YEAR),
    ]


def image_promises(*, min_rows: int, min_columns: int) -> list[Promise]:
    """Return what every decoded film keeps.

    Args:
        min_rows: of the film as stored, pixels.
        min_columns: likewise.
    """
    return [
        _between("too_few_rows", "rows", low=min_rows),
        _between("too_few_columns", "columns", low=min_columns),
        _promise("ExpectColumnValuesToNotBeNull", "no_statistics", "std"),
        _between("nearly_constant", "std", low=MIN_STD),
        _between("mostly_black", "black", high=MAX_BLACK),
        _between("mostly_white", "white", high=MAX_WHITE),
        _one("same_pixels_two_patients", "patients_with_image"),
        _between("same_pixels_again", "copy", high=0),
    ]


def set_promises(
    *,
    min_studies: int,
    max_quarantined: float,
    abnormal_share: tuple[float, float],
    max_unknown_view: float,
) -> list[Promise]:
    """Return what the set as a whole keeps; the table has one row, its figures.

    Args:
        min_studies: that are left after quarantine.
        max_quarantined: fraction of all images, 0-1.
        abnormal_share: lowest and highest fraction of ASF among studies left, 0-1.
        max_unknown_view: fraction of the images left, 0-1.
    """
    low, high = abnormal_share
    return [
        _figure("studies", low=min_studies),
        _figure("quarantined_share", high=max_quarantined),
        _figure("abnormal_share", low=low, high=high),
        _figure("unknown_view_share", high=max_unknown_view),
    ]


def check(table: str, frame: pd.DataFrame, promises: Sequence[Promise]) -> Checked:
    """Hold `frame` to its promises.

    Args:
        table: name of the table, for the docs.
        frame: its index labels must be unique; they name the broken rows.
        promises: each reason once.
    """
    import great_expectations as gx  # takes seconds to load

    suite = gx.ExpectationSuite(name=table, expectations=list(promises))
    result = _batch(table, frame).validate(suite, result_format="COMPLETE")
    reasons = [one.expectation_config.meta["reason"] for one in result.results]
    broken = {
        reason: sorted(one.result.get("unexpected_index_list") or [])
        for reason, one in zip(reasons, result.results, strict=True)
    }
    _scrub(result, table)
    findings = [
        _finding(table, reason, one, failed=len(broken[reason]))
        for reason, one in zip(reasons, result.results, strict=True)
    ]
    return Checked(table, result, broken, findings)


def _batch(table: str, frame: pd.DataFrame) -> Any:
    import great_expectations as gx  # takes seconds to load
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("cohort")
    asset = source.add_dataframe_asset(table)
    whole = asset.add_batch_definition_whole_dataframe("all")
    return whole.get_batch({"dataframe": frame})


def _scrub(result: Any, table: str) -> None:
    """Keep counts; drop rows' values, times and NumPy types the renderer trips on."""
    name = {"data_asset_name": table}
    result.meta = {"active_batch_definition": name, "batch_spec": name}
    for one in result.results:
        one.result = {
            key: _plain(value)
            for key, value in one.result.items()
            if not isinstance(value, list | dict) and "query" not in key
        }


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _finding(table: str, reason: str, one: Any, *, failed: int) -> Expectation:
    config = one.expectation_config
    limits = {
        key: value
        for key, value in sorted(config.kwargs.items())
        if key in ("min_value", "max_value", "value_set")
    }
    return Expectation(
        table=table,
        reason=reason,
        expectation=config.type,
        column=config.kwargs["column"],
        limits=limits,
        success=bool(one.success),
        failed=failed,
        observed=one.result.get("observed_value"),
    )


def _promise(kind: str, reason: str, column: str, **limits: Any) -> Promise:
    import great_expectations.expectations as gxe  # takes seconds to load

    return getattr(gxe, kind)(column=column, meta={"reason": reason}, **limits)


def _one(reason: str, column: str) -> Promise:
    return _between(reason, column, low=1, high=1)


def _of(reason: str, column: str, words: tuple[str, ...]) -> Promise:
    kind = "ExpectColumnValuesToBeInSet"
    return _promise(kind, reason, column, value_set=list(words))


def _between(
    reason: str, column: str, *, low: float | None = None, high: float | None = None
) -> Promise:
    kind = "ExpectColumnValuesToBeBetween"
    return _promise(kind, reason, column, min_value=low, max_value=high)


def _figure(
    column: str, *, low: float | None = None, high: float | None = None
) -> Promise:
    kind = "ExpectColumnMaxToBeBetween"
    return _promise(kind, column, column, min_value=low, max_value=high)
