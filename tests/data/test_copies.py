import pytest

from cxrmlops.data.backlog_image import empty_row
from cxrmlops.data.copies import Copies, refuse_mixed_studies
from cxrmlops.dicom.read.patient import Patient

ANNA, BERTA = (Patient(number, "", "", "", "") for number in "ab")


def image(folder, name: str, **values: str) -> dict:
    (folder / name).touch()
    row = empty_row(name) | {
        "study_instance_uid": "1",
        "sop_instance_uid": "1.1",
        "pixel_hash": "p",
        "content": "c",
        "picture": name,
    }
    return row | values


@pytest.fixture
def read(tmp_path):
    """Read films as a run does; give their rows."""

    def run(*images: tuple[dict, int]) -> list[dict]:
        copies = Copies()
        for row, mtime_ns in images:
            if not copies.refuse(row, tmp_path, mtime_ns=mtime_ns):
                row |= {"outcome": "scored", "probability": 0.5}
        copies.strike_conflicts(tmp_path)
        return [row for row, _ in images]

    return run


def test_the_same_image_twice_is_read_once(tmp_path, read):
    one, two = read((image(tmp_path, "a"), 1), (image(tmp_path, "b"), 2))

    assert (one["outcome"], two["reason"]) == ("scored", "duplicate")
    assert not (tmp_path / "b").exists()


def test_of_two_pictures_under_one_uid_neither_is_read(tmp_path, read):
    rows = read((image(tmp_path, "a"), 1), (image(tmp_path, "b", pixel_hash="q"), 2))

    assert [row["reason"] for row in rows] == ["uid_conflict"] * 2
    assert {row["outcome"] for row in rows} == {"rejected"}
    assert not [path for path in tmp_path.iterdir()]


def test_one_uid_in_two_studies_is_no_copy(tmp_path, read):
    other = image(tmp_path, "b", study_instance_uid="2", pixel_hash="q")

    rows = read((image(tmp_path, "a"), 1), (other, 2))

    assert [row["outcome"] for row in rows] == ["scored"] * 2


@pytest.mark.parametrize(("ages", "wins"), [((1, 2), "new"), ((2, 1), "old")])
def test_of_one_image_with_two_headers_the_newest_counts(tmp_path, read, ages, wins):
    old, new = (image(tmp_path, name, content=name) for name in ("old", "new"))

    rows = read((old, ages[0]), (new, ages[1]))

    (scored,) = [row for row in rows if row["outcome"] == "scored"]
    (copy,) = [row for row in rows if row["reason"] == "replaced"]
    assert (scored["path"], scored["content"]) == (wins, wins)
    assert {scored["path"], copy["path"]} == {"old", "new"}


def test_a_study_of_two_patients_has_no_answer_and_says_nothing_of_either(tmp_path):
    rows = [
        image(tmp_path, "a", outcome="scored"),
        image(tmp_path, "b", sop_instance_uid="1.2", reason="lateral"),
        image(tmp_path, "c", study_instance_uid="2", outcome="scored"),
    ]

    refuse_mixed_studies(rows, {"a": ANNA, "b": BERTA, "c": BERTA}, tmp_path)

    reasons = [row["reason"] for row in rows]
    assert reasons == ["patient_mismatch", "patient_mismatch", ""]


def test_copies_of_an_image_that_name_two_patients_are_not_chosen_from(tmp_path):
    rows = [
        image(tmp_path, "a", outcome="scored"),
        image(tmp_path, "b", reason="replaced"),
    ]

    refuse_mixed_studies(rows, {"a": ANNA, "b": BERTA}, tmp_path)

    assert [row["reason"] for row in rows] == ["patient_mismatch"] * 2
