"""A candidate beside the model in use: on test, on val, on a fixed panel of films."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.data.preprocess import network_square, preprocessing_hash
from cxrmlops.data.reference_images import reference_pictures
from cxrmlops.data.squares import image_squares, in_parts
from cxrmlops.evaluation.performance.studies import join_studies
from cxrmlops.model.bundle import Bundle, read_bundle
from cxrmlops.model.inference import BATCH, Reader
from cxrmlops.model.training_patients import LEARNT, hashed_patient_ids
from cxrmlops.promotion import non_inferiority, score_shift
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.preprocessing import Preprocessing
from cxrmlops.records.split import SplitManifest
from cxrmlops.records.tables import SPLITS, STUDIES
from cxrmlops.records.verdict import GateResult
from cxrmlops.system.errors import BundleError

PANEL = 8  # made-up films, normal and abnormal, the same for every pair of versions


class Challenge:
    """Two bundles and the films that the candidate was measured on."""

    def __init__(
        self, candidate: Path, champion: Path, *, data: Path, least: int
    ) -> None:
        """Read both bundles and the split; no film is read yet.

        Args:
            candidate: folder of the new bundle.
            champion: folder of the bundle in use.
            data: folder of the stages' results, the candidate's own.
            least: studies of each class that a comparison needs where the champion
                learnt from another split.

        Raises:
            BundleError: the results in `data` are another bundle's.
            DataError: a stage's result is missing.
        """
        self.new, self.old = read_bundle(candidate), read_bundle(champion)
        self._data, self._least = data, least
        split = SplitManifest.read(data / SplitManifest.file).hash
        self._same_split = self.old.card.lineage.get("split_hash") == split
        self._pixels = Preprocessing.read(data / Preprocessing.file).hash
        measured = Metrics.read(data / Metrics.file).bundle_hash
        if measured != self.new.hash:
            raise BundleError(
                f"{data} holds the figures of bundle {measured[:12]}, not of "
                f"{self.new.hash[:12]}; run: dvc repro evaluate"
            )

    @property
    def obstacle(self) -> str:
        """Return why the champion must not, or cannot, read these films; "" is none."""
        if self.old.card.preprocessing_hash != self._pixels:
            return (
                "not compared with the champion: it reads films made another way "
                f"({self.old.card.size} pixels)"
            )
        if self._same_split:
            return ""
        if LEARNT not in self.old.reference:
            return (
                "not compared with the champion: it learnt from another split, whose "
                "training patients may be among these test patients"
            )
        studies = self._test[~self._test.met].drop_duplicates("study_id")
        asf, nsf = int(studies.abnormal.sum()), int((~studies.abnormal).sum())
        if min(asf, nsf) < self._least:
            return (
                f"not compared with the champion: it did not learn from {asf} ASF and "
                f"{nsf} NSF studies of test, {self._least} of each are needed"
            )
        return ""

    def compare(self, *, max_auc_loss: float) -> tuple[GateResult, dict[str, Any]]:
        """Let the champion read test, and ask whether the candidate is not worse.

        That is a look at test: count it first.
        """
        if self.obstacle:
            return non_inferiority.not_assessed(
                self.obstacle, max_auc_loss=max_auc_loss
            ), {}
        studies = STUDIES.read(self._data / "evaluate")
        met = self._test.met
        theirs = read_rows(self.old, self._test[~met], data=self._data)
        shared = studies[~studies.study_id.isin(self._test.study_id[met])]
        gate, figures = non_inferiority.not_worse(
            (shared, self.new.card.operating_points),
            (theirs, self.old.card.operating_points),
            max_auc_loss=max_auc_loss,
        )
        if left_out := len(studies) - len(shared):
            why = f"{left_out} test studies left out: the champion learnt from them"
            gate = gate.model_copy(update={"reason": f"{gate.reason}; {why}"})
        return gate, figures | {"left_out": left_out}

    def bridge(self) -> tuple[GateResult, dict[str, Any]]:
        """Let both read the panel, and the champion val; choose thresholds again."""
        points = self.old.card.operating_points, self.new.card.operating_points
        val = STUDIES.read(self._data / "train")
        asked = self.new.card.lineage["params"]["high_sensitivity"]
        gate, thresholds = score_shift.own_thresholds(
            points[1], points[0], val, high_sensitivity=asked
        )
        told: dict[str, Any] = {"thresholds": thresholds, "panel": [], "val": None}
        images = _panel(self.old), _panel(self.new)
        if images[0] is not None and images[1] is not None:
            told["panel"] = score_shift.panel(images[0], images[1], *points)
        if self.old.card.preprocessing_hash == self._pixels:
            before = read_side(self.old, "val", data=self._data)
            after = val.set_index("study_id").probability[before.study_id]
            told["val"] = score_shift.differences(before.probability, after, *points)
        return gate, told

    @cached_property
    def _test(self) -> pd.DataFrame:
        """Read the test films; `met`: the champion learnt from the film's patient.

        Patients who share a film with one of those (a near-duplicate) are no strangers
        to it either.
        """
        images = SPLITS.read(self._data / "split")
        test = images[images.split == "test"]
        known = (
            hashed_patient_ids([]) if self._same_split else self.old.reference[LEARNT]
        )
        learnt = np.isin(hashed_patient_ids(test.patient_id), known)
        return test.assign(met=test.group.isin(test.group[learnt]))


def read_side(bundle: Bundle, side: str, *, data: Path) -> pd.DataFrame:
    """Read all films of one side of the split, `val` or `test`: STUDIES rows."""
    images = SPLITS.read(data / "split")
    return read_rows(bundle, images[images.split == side], data=data)


def read_rows(bundle: Bundle, rows: pd.DataFrame, *, data: Path) -> pd.DataFrame:
    """Read films: STUDIES rows.

    Args:
        bundle: whose preprocessing is that of the films.
        rows: of SPLITS.
        data: folder of the stages' results.

    Raises:
        DataError: a row names a shard that is not there.
    """
    rows = rows.sort_values("image_id", ignore_index=True)
    squares = image_squares(data / "preprocess")
    reader = Reader(bundle, batch_size=BATCH)
    answers = reader.read_parts(map(squares, in_parts(rows)))
    return join_studies(
        rows,
        answers.logit,
        rule=bundle.card.study_rule,
        temperature=bundle.card.temperature,
    )


def told(gate: GateResult, figures: dict[str, Any]) -> dict[str, Any]:
    """Put a gate and what lies behind it into plain values."""
    return gate.model_dump() | figures


def _panel(bundle: Bundle) -> np.ndarray | None:
    """Read the panel at the bundle's own size: shape (PANEL,); None: other pixels."""
    size = bundle.card.size
    if bundle.card.preprocessing_hash != preprocessing_hash(size=size):
        return None
    squares = [
        network_square(picture.image, size=size)[0]
        for picture in reference_pictures(PANEL, scope=bundle.card.scope)
    ]
    return Reader(bundle, batch_size=PANEL).read(np.stack(squares)).probability
