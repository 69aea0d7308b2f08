"""The answers of past nights, one row per study, without anybody's name."""

from pathlib import Path

import pandas as pd

from cxrmlops.data.sources.rows import Namer
from cxrmlops.records.tables import SCORED_STUDIES, WATCHED

ANSWERS = ("outcome", "probability")  # columns kept of SCORED_STUDIES
KINDS = {
    "night": "string",  # YYYY-MM-DD at the site, when the analysis began
    "study_id": "string",  # keyed pseudonyms, as in the cohort
    "accession_id": "string",
    "outcome": "string",
    "probability": "float64",
    "is_watched": "bool",  # False: answered by a version that kept nothing to compare
}
NIGHTS = KINDS | {k: v for k, v in WATCHED.columns.items() if k not in KINDS}


def read_nights(score: Path, *, model_key: str, namer: Namer) -> pd.DataFrame:
    """Read what one model has answered: `NIGHTS`, in the order of the analyses.

    A study that was answered several times counts once, with its newest answer.

    Args:
        score: what the stage `score` wrote, or a folder of such folders.
        model_key: of the model; other models' answers are passed over.
        namer: of the pseudonyms.
    """
    parts = [_chunk(folder, model_key, namer) for folder in _folders(score)]
    rows = pd.concat([_empty(), *parts], ignore_index=True)
    rows = rows.sort_values(["analysed_at", "study_id"], kind="stable")
    rows = rows.drop_duplicates("study_id", keep="last").reset_index(drop=True)
    return rows[list(NIGHTS)].astype(NIGHTS)


def _folders(score: Path) -> list[Path]:
    found = [score, *sorted(path for path in score.glob("[!.]*") if path.is_dir())]
    return [folder for folder in found if (folder / SCORED_STUDIES.name).exists()]


def _chunk(folder: Path, model_key: str, namer: Namer) -> pd.DataFrame:
    studies = SCORED_STUDIES.read(folder)
    kept = (folder / WATCHED.name).exists()
    watched = WATCHED.read(folder) if kept else WATCHED.empty().reindex(studies.index)
    rows = watched.drop(columns="outcome").assign(
        night=studies.analysed_at.str[:10],
        analysed_at=studies.analysed_at,
        study_id=[namer.name("study", uid) for uid in studies.study_instance_uid],
        accession_id=[namer.name("accession", n) for n in studies.accession_number],
        is_watched=kept,
        **{name: studies[name] for name in ANSWERS},
    )
    return rows[(studies.model_key == model_key).to_numpy()]


def _empty() -> pd.DataFrame:
    kinds = NIGHTS | {"analysed_at": "string"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
