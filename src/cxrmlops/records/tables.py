"""Columns of every table that one stage hands to the next."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrmlops.records.rerun import rerun
from cxrmlops.system.errors import DataError
from cxrmlops.system.files import whole
from cxrmlops.vocabulary.watched import NUMBERS, WORDS


@dataclass(frozen=True)
class Table:
    """A file name and the columns its readers may count on."""

    name: str
    columns: dict[str, str]  # column -> pandas dtype

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the table from `folder`, or say which promise it breaks."""
        path = folder / self.name
        if not path.exists():
            raise DataError(f"{path} is missing; run the stage {rerun(path)} first")
        frame = pd.read_parquet(path)
        self.check(frame)
        return frame

    def write(
        self, frame: pd.DataFrame, folder: Path, *, private: bool = False
    ) -> None:
        """Check `frame`, then write it whole, promised columns first."""
        self.check(frame)
        with whole(folder / self.name, private=private) as draft:
            frame.to_parquet(draft, index=False)

    def empty(self) -> pd.DataFrame:
        """Make a table with the promised columns and no rows."""
        return pd.DataFrame(
            {name: pd.Series(dtype=kind) for name, kind in self.columns.items()}
        )

    def from_rows(self, rows: list[dict[str, object]]) -> pd.DataFrame:
        """Make a table of `rows`, with the promised columns and types."""
        if not rows:
            return self.empty()
        frame = pd.DataFrame(rows)
        missing = sorted(set(self.columns) - set(frame.columns))
        if missing:
            raise DataError(f"{self.name}: missing column(s) {', '.join(missing)}")
        return frame[list(self.columns)].astype(self.columns)

    def check(self, frame: pd.DataFrame) -> None:
        """Raise DataError unless every promised column is there with its type."""
        found = {str(name): str(kind) for name, kind in frame.dtypes.items()}
        for name, kind in self.columns.items():
            if found.get(name) != kind:
                raise DataError(
                    f"{self.name}: column '{name}' should be {kind}, "
                    f"found {found.get(name, 'no such column')}"
                )


# cohort: every file that was looked at, and what became of it
CANDIDATES = Table(
    "candidates.parquet",
    {
        "image_id": "string",  # keyed pseudonym of the SOP Instance UID (or file)
        "bytes": "int64",
        "mtime_ns": "int64",
        "outcome": "string",  # "included", or the reason it is not
        "detail": "string",
    },
)

# cohort, in `beside`: where each row of CANDIDATES lies. A name may be a patient's: no
# stage's folder has it: DVC caches and pushes those
CANDIDATE_PATHS = Table(
    "candidate_paths.parquet",
    {
        "image_id": "string",
        "path": "string",  # relative to site.yaml: films
        "outcome": "string",
    },
)


def beside(stage: Path) -> Path:
    """Name the folder for what never leaves this machine, beside a stage's own."""
    return stage.with_name("local")


# cohort: every study that has a report, what became of it, what its label came from
REPORTS = Table(
    "reports.parquet",
    {
        "study_id": "string",
        "outcome": "string",  # "included", or the reason it is not
        "conclusion": "string",  # NSF, ASF, uncertain or disputed
        "findings": "string",  # finding types, joined by "|"
        "codes": "string",  # the report's own codes in full, joined by "|"
        "label_source": "string",  # report, or adjudicated
    },
)

# `cxrmlops adjudicate`: what readers settled, an input of cohort
DECISIONS = Table(
    "decisions.parquet",
    {
        "study_id": "string",
        "decision": "string",  # NSF, ASF or uncertain
        "readers": "int64",
    },
)

# cohort: one row per included image
IMAGES = Table(
    "images.parquet",
    {
        "image_id": "string",  # keyed pseudonyms, never the hospital's numbers
        "study_id": "string",
        "patient_id": "string",
        "bytes": "int64",
        "mtime_ns": "int64",
        "source": "string",  # source adapter, or site name
        "view": "string",  # PA, AP or unknown
        "portable": "string",  # yes, no or unknown
        "sex": "string",  # F, M, O or unknown
        "age_years": "float64",  # NaN: unknown
        "manufacturer": "string",  # "" unknown
        "year": "Int64",  # of the study; <NA>: the source has no dates
        "findings": "string",  # finding types the label came from, joined by "|"
        "abnormal": "bool",  # ASF stated in the report
    },
)

# preprocess: one row per image of the cohort, decoded or rejected
INDEX = Table(
    "index.parquet",
    {
        "image_id": "string",
        "rejected": "string",  # "" decoded; else the reason
        "detail": "string",
        "shard": "int64",  # shard-<shard>.npy; -1 when rejected
        "row": "int64",  # row in that shard; -1 when rejected
        "rows": "int64",  # of the film as stored; 0 when rejected before decoding
        "columns": "int64",
        "bits_stored": "int64",
        "photometric_interpretation": "string",
        "voi": "string",  # window, lut, percentile or full_scale
        "mean": "float64",  # statistics of the 0-1 picture; NaN when rejected
        "std": "float64",
        "p01": "float64",  # 1st, 50th, 99th percentile
        "p50": "float64",
        "p99": "float64",
        "black": "float64",  # fraction of pixels below 0.02
        "white": "float64",  # fraction of pixels above 0.98
        "border": "float64",  # mean of the outer 5 %
        "pixel_hash": "string",  # SHA-256 of the decoded stored values
        "perceptual_hash": "string",  # 128 hex digits, 512-bit difference hash
    },
)

FILE = ("bytes", "mtime_ns")  # what a file was like when it was looked at

# validate: rows of the cohort that keep every promise, with their pixels' place
VALIDATED = Table(
    "images.parquet",
    {key: kind for key, kind in IMAGES.columns.items() if key not in FILE}
    | {
        key: INDEX.columns[key]
        for key in ("shard", "row", "pixel_hash", "perceptual_hash")
    },
)

# validate: the others
QUARANTINE = Table(
    "quarantine.parquet",
    {
        "image_id": "string",
        "study_id": "string",
        "patient_id": "string",
        "abnormal": "bool",
        "reason": "string",
    },
)

# split
SPLITS = Table(
    "images.parquet",
    VALIDATED.columns
    | {
        "group": "string",  # patients that share a near-duplicate film form one group
        "split": "string",  # train, val or test
    },
)

# split: studies whose every film was quarantined; nobody can answer them
NOT_EVALUABLE = Table(
    "not_evaluable.parquet",
    {
        "study_id": "string",
        "patient_id": "string",
        "split": "string",
        "abnormal": "bool",
        "reason": "string",  # of its films, joined by "|"
    },
)

# train (val rows) and evaluate (test rows): one row per study
STUDIES = Table(
    "studies.parquet",
    {
        "study_id": "string",
        "patient_id": "string",
        "split": "string",
        "abnormal": "bool",
        "n_images": "int64",
        "logit": "float64",  # of the image(s) that decided, before calibration
        "probability": "float64",  # calibrated, joined by the study rule
        "view": "string",  # of the first image; the subgroup columns below likewise
        "portable": "string",
        "sex": "string",
        "age_years": "float64",
        "manufacturer": "string",
        "source": "string",
        "year": "Int64",
        "findings": "string",
    },
)

# train: one row per epoch
HISTORY = Table(
    "history.parquet",
    {
        "network": "int64",  # of the bundle's, from 1
        "epoch": "int64",  # from 1, counted over all networks
        "size": "int64",  # pixels per side
        "train_loss": "float64",
        "val_loss": "float64",
        "val_auc": "float64",
        "learning_rate": "float64",
        "images_per_second": "float64",
        "seconds": "float64",
    },
)

# score: one row per file of the chunk. Identified: results folder and ledger only
SCORED_IMAGES = Table(
    "images.parquet",
    {
        "path": "string",  # as given
        "content": "string",  # SHA-256 of the file; "" when it killed its reader
        "header": "string",  # images/<n>.dcm, up to the pixels; "" if not reported
        "sop_instance_uid": "string",  # "" when the file could not be read
        "sop_class_uid": "string",
        "series_instance_uid": "string",
        "study_instance_uid": "string",
        "outcome": "string",  # scored or rejected
        "reason": "string",  # "" when scored
        "detail": "string",
        "view": "string",
        "rows": "int64",
        "columns": "int64",
        "voi": "string",
        "pixel_hash": "string",
        "distance": "float64",  # from the films of train, see out_of_distribution.py
        "logit": "float64",  # NaN when rejected
        "probability": "float64",
        "quality": "string",  # ok, limited or unusable
        "evidence": "object",  # bytes: float16 little endian, evidence grid row by row
        "evidence_rows": "int64",
        "evidence_columns": "int64",
        "placement": "string",  # JSON: where the film lies in the network's square
        "picture": "string",  # images/<n>.npy, uint8, longest side 1024; "" if none
    },
)

# score: one row per study of the chunk
SCORED_STUDIES = Table(
    "studies.parquet",
    {
        "study_instance_uid": "string",
        "outcome": "string",  # scored or rejected (no image could be scored)
        "reason": "string",
        "n_images": "int64",
        "n_scored": "int64",
        "probability": "float64",  # rounded to 4 digits: objects come from this row
        "answer_balanced": "string",  # NSF, ASF or "" when rejected
        "answer_high_sensitivity": "string",
        "accession_number": "string",
        "study_date": "string",  # YYYYMMDD or ""
        "analysed_at": "string",  # ISO 8601 with offset: start of the analysis
        "model_key": "string",
    },
)

# score: beside SCORED_STUDIES and row by row of it, what the watch compares. No UID, no
# number, no date: of the study's first scored image, else of its first one
WATCHED = Table(
    "watched.parquet",
    {
        "outcome": "string",  # scored or rejected
        "kind": "string",  # reasons.Kind of a rejection, the gravest; "" scored
        **dict.fromkeys(WORDS, "string"),  # "unknown" where the image does not say
        **dict.fromkeys(NUMBERS, "float64"),  # NaN: not known
    },
)
