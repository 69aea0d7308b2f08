"""A candidate beside the model in use: on test, on val, on a fixed panel of films."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxrmlops.data.preprocess import network_square, preprocessing_hash, read_film
from cxrmlops.data.shards import gather, open_shards
from cxrmlops.errors import BundleError
from cxrmlops.evaluation import bridge, succession
from cxrmlops.evaluation.gate import Gate
from cxrmlops.evaluation.studies import join_studies
from cxrmlops.files import read_facts
from cxrmlops.model.bundle import Bundle, read_bundle
from cxrmlops.model.inference import Reader
from cxrmlops.synthetic.reference import reference_datasets
from cxrmlops.tables import SPLITS, STUDIES

PANEL = 8  # made-up films, normal and abnormal, the same for every pair of versions
AT_ONCE = 256  # films in memory
BATCH = 16  # films in one forward pass


class Challenge:
    """Two bundles and the films that the candidate was measured on."""

    def __init__(self, candidate: Path, champion: Path, *, data: Path) -> None:
        """Read both bundles and the split; no film is read yet.

        Args:
            candidate: folder of the new bundle.
            champion: folder of the bundle in use.
            data: folder of the stages' results, the candidate's own.

        Raises:
            BundleError: the results in `data` are another bundle's.
            DataError: a stage's result is missing.
        """
        self.new, self.old = read_bundle(candidate), read_bundle(champion)
        self._data = data
        self._split = read_facts(data / "split" / "manifest.json")["hash"]
        self._pixels = read_facts(data / "preprocess" / "preprocessing.json")["hash"]
        measured = read_facts(data / "evaluate" / "metrics.json")["bundle_hash"]
        if measured != self.new.hash:
            raise BundleError(
                f"{data} holds the figures of bundle {measured[:12]}, not of "
                f"{self.new.hash[:12]}; run: dvc repro evaluate"
            )

    @property
    def obstacle(self) -> str:
        """Say why the champion must not, or cannot, read these test films; "" is none.

        A bundle names its split by a hash, not its patients: of another split nobody
        can say whose films it learnt from.
        """
        if self.old.card.preprocessing_hash != self._pixels:
            return (
                "not compared with the champion: it reads films made another way "
                f"({self.old.card.size} pixels)"
            )
        if self.old.card.lineage.get("split_hash") != self._split:
            return (
                "not compared with the champion: it learnt from another split, whose "
                "training patients may be among these test patients"
            )
        return ""

    def compare(self, *, max_auc_loss: float) -> tuple[Gate, dict[str, Any]]:
        """Let the champion read test, and ask whether the candidate is not worse.

        That is a look at test: count it first.
        """
        if self.obstacle:
            return succession.not_assessed(self.obstacle, max_auc_loss=max_auc_loss), {}
        return succession.not_worse(
            (STUDIES.read(self._data / "evaluate"), self.new.card.operating_points),
            (
                read_side(self.old, "test", data=self._data),
                self.old.card.operating_points,
            ),
            max_auc_loss=max_auc_loss,
        )

    def bridge(self) -> tuple[Gate, dict[str, Any]]:
        """Let both read the panel, and the champion val; choose thresholds again."""
        points = self.old.card.operating_points, self.new.card.operating_points
        val = STUDIES.read(self._data / "train")
        asked = self.new.card.lineage["params"]["high_sensitivity"]
        gate, thresholds = bridge.own_thresholds(
            points[1], points[0], val, high_sensitivity=asked
        )
        told: dict[str, Any] = {"thresholds": thresholds, "panel": [], "val": None}
        films = _panel(self.old), _panel(self.new)
        if films[0] is not None and films[1] is not None:
            told["panel"] = bridge.panel(films[0], films[1], *points)
        if self.old.card.preprocessing_hash == self._pixels:
            before = read_side(self.old, "val", data=self._data)
            after = val.set_index("study_id").probability[before.study_id]
            told["val"] = bridge.differences(before.probability, after, *points)
        return gate, told


def read_side(bundle: Bundle, side: str, *, data: Path) -> pd.DataFrame:
    """Read all films of one side of the split: STUDIES rows.

    Args:
        bundle: whose preprocessing is that of the films.
        side: `val` or `test`.
        data: folder of the stages' results.
    """
    images = SPLITS.read(data / "split").sort_values("image_id", ignore_index=True)
    rows = images[images.split == side]
    shards = open_shards(data / "preprocess")
    reader = Reader(bundle, batch_size=BATCH)
    answers = [
        reader.read(gather(shards, part.shard.to_numpy(), part.row.to_numpy()))
        for part in (rows[k : k + AT_ONCE] for k in range(0, len(rows), AT_ONCE))
    ]
    return join_studies(
        rows,
        np.concatenate([answer.logit for answer in answers]),
        np.concatenate([answer.probability for answer in answers]),
        rule=bundle.card.study_rule,
    )


def told(gate: Gate, figures: dict[str, Any]) -> dict[str, Any]:
    """Put a gate and what lies behind it into plain values."""
    return asdict(gate) | figures


def _panel(bundle: Bundle) -> np.ndarray | None:
    """Read the panel at the bundle's own size: shape (PANEL,); None: other pixels."""
    size = bundle.card.size
    if bundle.card.preprocessing_hash != preprocessing_hash(size=size):
        return None
    squares = []
    with tempfile.TemporaryDirectory() as folder:
        for number, dataset in enumerate(reference_datasets(PANEL)):
            path = Path(folder) / f"{number}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            squares.append(network_square(read_film(path).image, size=size)[0])
    return Reader(bundle, batch_size=PANEL).read(np.stack(squares)).probability
