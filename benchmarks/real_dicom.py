"""
What a model makes of the real DICOM files, one line each, and of one film rewritten.

    python -m benchmarks.real_dicom data/train/bundle > table.md

Every file is scored alone: the rewritings of one film bear one SOP Instance UID, so in
one folder all but the first would be duplicates.
"""

import datetime as dt
import os
import sys
import tempfile
from pathlib import Path

from cxrmlops.model.bundle import read_bundle
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.records.tables import SCORED_IMAGES
from cxrmlops.stages import score
from cxrmlops.vocabulary.findings import BALANCED

BASE = "native/cr_mono1_10bit_pa_explicit.dcm"
GROUPS = ("native", "transcoded", "wrapped_nih", "non_chest")


def main() -> None:
    """Print three tables: every file, the rewritings, DICOM against JPEG."""
    bundle = Path(sys.argv[1])
    data = Path(os.environ.get("CXR_TEST_DATA", "../shared/data"))
    folder = data / "real_dicom"
    images = [path for name in GROUPS for path in sorted((folder / name).glob("*.dcm"))]
    if not images:
        raise SystemExit(f"error: no films in {folder.absolute()}; set CXR_TEST_DATA")
    rows = {str(path.relative_to(folder)): _score(path, bundle) for path in images}
    threshold = next(
        point.threshold
        for point in read_bundle(bundle).card.operating_points
        if point.name == BALANCED
    )
    print(f"Balanced threshold {threshold:.4f}.\n")
    print("| file | outcome | p | quality, reason |\n|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['outcome']} | {_shown(row)} | {_why(row)} |")
    base = rows[BASE]
    print(f"\n| rewriting of {BASE} | p | p - {_shown(base)} |\n|---|---|---|")
    for name, row in rows.items():
        if "crmono1" in name or "cr_mono1_10bit" in name:
            print(f"| {name} | {_shown(row)} | {_apart(row, base)} |")
    print("\n| film | DICOM, 1024 | JPEG, 512 | apart |\n|---|---|---|---|")
    for name, row in rows.items():
        picture = data / f"real_cxr/open/images/{Path(name).name[:12]}.jpg"
        if name.startswith("wrapped_nih") and picture.exists():
            other = _score(picture, bundle)
            apart = _apart(row, other)
            print(f"| {name} | {_shown(row)} | {_shown(other)} | {apart} |")


def _score(path: Path, bundle: Path) -> dict:
    params, site = load_params(), load_site()
    with tempfile.TemporaryDirectory() as out:
        score.run(
            paths=[path],
            bundle=bundle,
            out=Path(out) / "score",
            params=params.score,
            scope=scope_of(params.cohort, site),
            started=dt.datetime(2024, 1, 31, tzinfo=dt.UTC),
        )
        return SCORED_IMAGES.read(Path(out) / "score").iloc[0].to_dict()


def _shown(row: dict) -> str:
    return f"{row['probability']:.4f}" if row["outcome"] == "scored" else "-"


def _why(row: dict) -> str:
    if row["outcome"] == "scored":
        return f"{row['quality']} {row['detail']}".strip()
    return f"{row['reason']}: {row['detail']}"


def _apart(row: dict, other: dict) -> str:
    if row["outcome"] != "scored" or other["outcome"] != "scored":
        return row["reason"]
    return f"{row['probability'] - other['probability']:+.4f}"


if __name__ == "__main__":
    main()
