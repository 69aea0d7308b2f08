"""
The registered model as MLflow serves it: films as base64 in, answers out.

MLflow runs this file when it loads a version ("models from code"): no pickle anywhere.
The pixels go the same way as in training and at night.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.data.served_image import Refusal, ServedImage, read_served
from cxrmlops.model.bundle import read_bundle, require_preprocessing
from cxrmlops.model.inference import Reader
from cxrmlops.model.skew import check_skew
from cxrmlops.system.workers import map_isolated, worker_count
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, answer
from cxrmlops.vocabulary.reasons import OUT_OF_DISTRIBUTION

IMAGE = "dicom_base64"  # the one input column: a DICOM file
DIGITS = 4  # of a probability, as in the night's reports


class ServedReader(mlflow.pyfunc.PythonModel):
    """A bundle behind MLflow's own interface."""

    def load_context(self, context: Any) -> None:
        """Read the bundle that travels with the version."""
        bundle = read_bundle(Path(context.artifacts["bundle"]))
        require_preprocessing(bundle.card, preprocessing_hash(size=bundle.card.size))
        self._reader = Reader(bundle)
        check_skew(bundle, self._reader)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """Answer each film by itself; a rejected one gets its reason and no number.

        Args:
            context: MLflow's; unused after `load_context`.
            model_input: column `dicom_base64`, one DICOM file a row.
            params: MLflow's; there are none.

        Returns:
            Columns probability (0-1), answer_balanced, answer_high_sensitivity and
            reason; None where a film was rejected, and where there is no reason.
        """
        card = self._reader.bundle.card
        images = [
            ServedImage(text, card.size, card.scope) for text in model_input[IMAGE]
        ]
        workers = min(worker_count(), len(images))
        done = map_isolated(read_served, images, workers=workers, ahead=2 * workers)
        return pd.DataFrame([self._answer(one.output) for one in done], dtype=object)

    def _answer(
        self, read: "np.ndarray | Refusal | None"
    ) -> dict[str, float | str | None]:
        if read is None:  # it killed its worker
            return _row(None, {}, "undecodable")
        if isinstance(read, Refusal):
            return _row(None, {}, read.reason)
        answers = self._reader.read(read[np.newaxis])
        if answers.unfamiliar[0]:
            return _row(None, {}, OUT_OF_DISTRIBUTION)
        rounded = round(float(answers.probability[0]), DIGITS)
        points = self._reader.bundle.card.operating_points
        return _row(rounded, {p.name: str(answer(rounded, p)) for p in points}, None)


def _row(
    probability: float | None, answers: dict[str, str], reason: str | None
) -> dict[str, float | str | None]:
    return {
        "probability": probability,
        "answer_balanced": answers.get(BALANCED),
        "answer_high_sensitivity": answers.get(HIGH_SENSITIVITY),
        "reason": reason,
    }


mlflow.models.set_model(ServedReader())
