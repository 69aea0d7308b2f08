import pytest

from cxrmlops.data.finding_boxes import read_boxes
from cxrmlops.dicom.identity import pseudonym
from cxrmlops.system.errors import ParamsError

HEAD = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"


def test_boxes_are_fractions_and_images_pseudonyms(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text(HEAD + "00013118_008.png,Atelectasis,256,512,128,64,,,\n")

    boxes = read_boxes(path, b"key")

    box = boxes.iloc[0]
    assert (box.left, box.top, box.width, box.height) == (0.25, 0.5, 0.125, 0.0625)
    assert box.image_id == pseudonym(b"key", "image", "nih", "00013118_008")


def test_the_sets_own_list_is_read(real_data):
    boxes = read_boxes(real_data / "metadata" / "BBox_List_2017.csv.gz", b"key")

    assert len(boxes) == 984
    assert boxes.image_id.nunique() == 880
    assert (boxes.left + boxes.width).max() <= 1.001


def test_what_is_no_list_of_boxes_is_refused(tmp_path):
    words = tmp_path / "words.csv"
    words.write_text(HEAD + "a.png,Mass,left,top,wide,high\n")

    for path in (words, tmp_path / "absent.csv"):
        with pytest.raises(ParamsError, match="examine.boxes"):
            read_boxes(path, b"key")
