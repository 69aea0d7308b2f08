from cxrmlops.data.backlog_image import empty_row
from cxrmlops.records.model_identity import ScoringModel
from cxrmlops.records.tables import SCORED_IMAGES
from cxrmlops.reporting.outcomes import outcome_lines
from tests.make import make_model_identity


def test_every_file_has_one_line_with_probability_or_reason(tmp_path):
    rows = [
        empty_row(tmp_path / "films/a.dcm") | {"outcome": "scored", "probability": 0.5},
        empty_row(tmp_path / "films/b.dcm")
        | {"outcome": "scored", "probability": 0.4999},
        empty_row(tmp_path / "films/c.txt") | {"reason": "not_dicom", "detail": "odd"},
    ]
    SCORED_IMAGES.write(SCORED_IMAGES.from_rows(rows), tmp_path)
    identity = make_model_identity(balanced=0.5)
    model = ScoringModel(**dict(identity), saliency_method="evidence")
    model.write(tmp_path / "model.json")

    lines = list(outcome_lines(tmp_path, below=tmp_path / "films"))

    assert lines == [
        "a.dcm: scored p=0.5000 ASF (any significant finding suspected)",
        "b.dcm: scored p=0.4999 NSF (no significant finding detected)",
        "c.txt: rejected not_dicom: The file is not a DICOM file or picture. [odd]",
    ]
