"""
The registered model as MLflow serves it: films as base64 in, answers out.

MLflow runs this file when it loads a version ("models from code"): no pickle anywhere.
The pixels go the same way as in training and at night.
"""

import base64
import binascii
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from cxrmlops.data.preprocess import network_square, preprocessing_hash, read_film
from cxrmlops.dicom.acceptance import accept, accept_picture
from cxrmlops.dicom.headers import read_header
from cxrmlops.errors import Rejected
from cxrmlops.findings import BALANCED, HIGH_SENSITIVITY, answer
from cxrmlops.model.bundle import read_bundle, require_preprocessing
from cxrmlops.model.inference import Reader

FILM = "dicom_base64"  # the one input column: a DICOM file
DIGITS = 4  # of a probability, as in the night's reports


class ServedReader(mlflow.pyfunc.PythonModel):
    """A bundle behind MLflow's own interface."""

    def load_context(self, context: Any) -> None:
        """Read the bundle that travels with the version."""
        bundle = read_bundle(Path(context.artifacts["bundle"]))
        require_preprocessing(bundle.card, preprocessing_hash(size=bundle.card.size))
        self._reader = Reader(bundle)
        self._chest_words = tuple(context.model_config["chest_words"])

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
        rows = [self._read(text) for text in model_input[FILM]]
        return pd.DataFrame(rows, dtype=object)

    def _read(self, text: str) -> dict[str, float | str | None]:
        try:
            square = film_square(text, self._reader.bundle.card.size, self._chest_words)
        except Rejected as error:
            return _row(None, {}, error.reason)
        probability = float(self._reader.read(square[np.newaxis]).probability[0])
        rounded = round(probability, DIGITS)
        points = self._reader.bundle.card.operating_points
        return _row(rounded, {p.name: str(answer(rounded, p)) for p in points}, None)


def film_square(text: str, size: int, chest_words: Sequence[str]) -> np.ndarray:
    """Turn one DICOM file in base64 into the network's square.

    Args:
        text: base64 of the whole file.
        size: pixels per side.
        chest_words: in BodyPartExamined or a description of a chest film.

    Returns:
        Shape (size, size), uint8.

    Raises:
        Rejected: the film must not be read by the model, and why.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Rejected("unreadable", "the input is not base64") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.dcm"
        path.write_bytes(content)
        accept(read_header(path), chest_words=chest_words)
        image = read_film(path).image
    accept_picture(image)
    square, _ = network_square(image, size=size)
    return square


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
