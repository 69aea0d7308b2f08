from cxrmlops.data.backlog_film import empty_row
from cxrmlops.files import write_json
from cxrmlops.reporting.outcomes import outcome_lines
from cxrmlops.tables import SCORED_IMAGES


def test_every_file_has_one_line_with_probability_or_reason(tmp_path):
    rows = [
        empty_row(tmp_path / "films/a.dcm") | {"outcome": "scored", "probability": 0.5},
        empty_row(tmp_path / "films/b.dcm")
        | {"outcome": "scored", "probability": 0.4999},
        empty_row(tmp_path / "films/c.txt") | {"reason": "not_dicom", "detail": "odd"},
    ]
    SCORED_IMAGES.write(SCORED_IMAGES.from_rows(rows), tmp_path)
    point = {"name": "balanced", "threshold": 0.5, "rule": "r"}
    write_json(tmp_path / "model.json", {"operating_points": [point]})

    lines = list(outcome_lines(tmp_path, below=tmp_path / "films"))

    assert lines == [
        "a.dcm: scored p=0.5000 ASF (any significant finding suspected)",
        "b.dcm: scored p=0.4999 NSF (no significant finding detected)",
        "c.txt: rejected not_dicom: The file is not a DICOM file or picture. [odd]",
    ]
