import pandas as pd
import pytest

from cxrmlops.data.finding_boxes import read_boxes
from cxrmlops.dicom.identity import pseudonym
from cxrmlops.system.errors import ParamsError

KEY = b"key"
NIH = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
RSNA = "patientId,x,y,width,height,Target\n"
VINDR = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"


def films(*parts, patients=None, rows=1024, columns=1024):
    names = [pseudonym(KEY, "image", *part) for part in parts]
    frame = {
        "image_id": names,
        "study_id": [pseudonym(KEY, "study", "rsna", part[-1]) for part in parts],
        "patient_id": patients or [f"p{n}" for n, _ in enumerate(names)],
        "rows": rows,
        "columns": columns,
    }
    return pd.DataFrame(frame)


def read(tmp_path, text, known):
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    return read_boxes(path, KEY, known)


def place(box):
    return box.left, box.top, box.width, box.height


def test_nihs_boxes_are_fractions_and_images_pseudonyms(tmp_path):
    known = films(("nih", "00013118_008"))

    boxes = read(
        tmp_path, NIH + "00013118_008.png,Atelectasis,256,512,128,64,,,\n", known
    )

    (box,) = boxes.itertuples()
    assert place(box) == (0.25, 0.5, 0.125, 0.0625)
    assert box.image_id == known.image_id[0]


def test_rsnas_boxes_are_found_by_the_patient_and_lines_without_target_are_none(
    tmp_path,
):
    patient = pseudonym(KEY, "patient", "", "c0de-1")
    known = films(("1.2.3",), ("1.2.4",), patients=[patient, "other"])

    boxes = read(
        tmp_path,
        RSNA
        + "c0de-1,256,512,128,64,1\nc0de-1,0,0,512,512,1\n"
        + "c0de-2,,,,,0\nc0de-3,1,1,1,1,1\n",
        known,
    )

    assert list(boxes.image_id) == [known.image_id[0]] * 2
    assert place(boxes.iloc[0]) == (0.25, 0.5, 0.125, 0.0625)


def test_vindrs_corners_are_pixels_of_the_film_as_stored(tmp_path):
    known = films(("50a418",), rows=2000, columns=1000)
    lines = (
        "50a418,Nodule/Mass,8,R1,250,500,500,1500\n"
        "50a418,No finding,14,R2,,,,\n"
        "ffff,Nodule/Mass,8,R1,1,1,2,2\n"
    )

    boxes = read(tmp_path, VINDR + lines, known)

    (box,) = boxes.itertuples()
    assert place(box) == (0.25, 0.25, 0.25, 0.5)


def test_fractions_by_sop_instance_uid_are_taken_as_they_are(tmp_path):
    known = films(("1.2.3",), rows=10, columns=20)

    boxes = read(
        tmp_path,
        "sop_instance_uid,left,top,width,height\n1.2.3,0.1,0.2,0.3,0.4\n",
        known,
    )

    assert place(boxes.iloc[0]) == (0.1, 0.2, 0.3, 0.4)


def test_names_of_numbers_alone_stay_names(tmp_path):
    known = films(("nih", "007"))

    boxes = read(tmp_path, "file,x,y,width,height\n007,0,0,1024,512\n", known)

    assert place(boxes.iloc[0]) == (0, 0, 1, 0.5)


def test_the_sets_own_list_is_read(real_data):
    path = real_data / "metadata" / "BBox_List_2017.csv.gz"
    stems = pd.read_csv(path)["Image Index"].str.removesuffix(".png").unique()

    boxes = read_boxes(path, KEY, films(*(("nih", stem) for stem in stems)))

    assert len(boxes) == 984
    assert boxes.image_id.nunique() == 880
    assert (boxes.left + boxes.width).max() <= 1.001


@pytest.mark.parametrize(
    "text", [NIH + "a.png,Mass,left,top,wide,high\n", "a,b\n1,2\n", ""]
)
def test_what_is_no_list_of_boxes_is_refused(tmp_path, text):
    with pytest.raises(ParamsError, match="examine.boxes"):
        read(tmp_path, text, films())


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ParamsError, match=r"absent.csv.*FileNotFoundError"):
        read_boxes(tmp_path / "absent.csv", KEY, films())
