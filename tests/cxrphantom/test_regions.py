import numpy as np
import pandas as pd

from cxrmlops.data.finding_boxes import read_boxes
from cxrmlops.dicom.identity import pseudonym
from cxrmlops.evaluation.examination.box_overlap import GRID, box_mask
from cxrphantom.regions import SIDE, region_rows


def test_runs_of_a_row_are_rectangles_in_fractions_of_the_film():
    planted = np.zeros((SIDE, SIDE), bool)
    planted[32, [10, 11, 12, 100]] = True

    found = list(region_rows("1.2", planted))

    assert found == [
        {"sop_instance_uid": "1.2", "left": "0.078125", "top": "0.25",
         "width": "0.0234375", "height": "0.0078125"},
        {"sop_instance_uid": "1.2", "left": "0.78125", "top": "0.25",
         "width": "0.0078125", "height": "0.0078125"},
    ]  # fmt: skip


def test_a_mask_without_findings_has_no_rows():
    assert not list(region_rows("1.2", np.zeros((90, 60), bool)))


def test_the_examination_reads_the_mask_that_was_written(tmp_path):
    rows, columns = 4 * SIDE, 2 * SIDE
    down, across = np.mgrid[:rows, :columns]
    planted = (down / 4 - 50) ** 2 + (across / 2 - 30) ** 2 < 20**2
    pd.DataFrame(region_rows("1.2", planted)).to_csv(tmp_path / "r.csv", index=False)
    film = pd.DataFrame(
        {"image_id": [pseudonym(b"key", "image", "1.2")], "study_id": ["s"],
         "patient_id": ["p"], "rows": [rows], "columns": [columns]}
    )  # fmt: skip

    mask = box_mask(read_boxes(tmp_path / "r.csv", b"key", film))

    step_down, step_across = rows // GRID, columns // GRID
    own = planted[step_down // 2 :: step_down, step_across // 2 :: step_across]
    assert own.shape == mask.shape
    assert (own != mask).mean() < 0.01  # cells on the rim
