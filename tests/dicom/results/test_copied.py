"""Which attributes of a source may stand in an object of ours (PS3.5 6.2, PS3.6)."""

import warnings

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrmlops.dicom.results.copied import copied_element, keep_bytes


def element(keyword: str, value: object) -> DataElement:
    made = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that pydicom warns of
        setattr(made, keyword, value)
    return made[keyword]


@pytest.mark.parametrize(
    ("keyword", "legal", "illegal"),
    [
        ("PatientAge", "037Y", "37"),
        ("PatientSex", "F", "female, it says"),
        ("StudyTime", "101500", "ten"),
        ("PatientWeight", "70.5", "7" * 17),
        ("SeriesNumber", "12", "1.5"),
        ("StudyDescription", "Chest", "C" * 65),
        ("StationName", "ROOM1", "R" * 17),
        ("FrameOfReferenceUID", "1.2.3", "1.02"),
        ("RetrieveAETitle", "PACS", "P" * 17),
    ],
)
def test_a_legal_value_is_copied_and_an_illegal_one_left_behind(
    keyword, legal, illegal
):
    assert (
        copied_element(element(keyword, legal)).value == element(keyword, legal).value
    )
    assert copied_element(element(keyword, illegal)) is None


@pytest.mark.parametrize("keyword", ["PatientWeight", "SeriesNumber"])
def test_a_number_that_is_blank_is_left_behind(keyword):
    assert copied_element(element(keyword, "  ")) is None


def test_a_uid_that_was_padded_once_too_often_is_copied_without():
    padded = DataElement(0x0020000D, "UI", "1.2.3\0\0", already_converted=True)

    assert copied_element(padded).value == "1.2.3"


def test_an_empty_value_is_copied_as_empty():
    assert copied_element(element("PatientSex", None)).is_empty


def test_text_that_has_no_rule_of_letters_is_copied():
    assert copied_element(element("PatientComments", "any\nwords")).value


@pytest.mark.parametrize(
    ("keyword", "values", "copied"),
    [
        ("ImagerPixelSpacing", [0.1, 0.2], True),
        ("ImagerPixelSpacing", [0.1], False),
        ("ImagerPixelSpacing", [0.1, 0.2, 0.3], False),
        ("ImageType", ["ORIGINAL", "PRIMARY", "", "X"], True),  # 2-n
        ("ImageType", ["ORIGINAL"], False),
        ("WindowCenter", [1, 2, 3], True),  # 1-n
        ("PatientSex", ["F", "M"], False),
    ],
)
def test_there_are_as_many_values_as_the_dictionary_says(keyword, values, copied):
    assert (copied_element(element(keyword, values)) is not None) is copied


def test_a_private_attribute_and_a_value_of_another_type_are_left_behind():
    private = Dataset()
    private.add_new((0x0011, 0x1001), "LO", "ours")
    other = DataElement(0x00100040, "LO", "F")  # PatientSex is CS

    assert copied_element(private[0x0011, 0x1001]) is None
    assert copied_element(other) is None


def test_identity_of_another_type_is_kept_as_text():
    kept = copied_element(DataElement(0x00100020, "IS", "12345"))  # PatientID is LO

    assert (kept.VR, kept.value) == ("LO", "12345")


def test_bytes_of_identity_that_no_character_set_reads_are_kept_in_items_too():
    unread = "M\udcfcller"  # b"M\xfcller" as `read_header` keeps it (PEP 383)
    made, item = Dataset(), Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for each in (made, item):
        each.PatientID = unread
    made.OtherPatientIDsSequence, made.ContentSequence = [item], [Dataset()]

    keep_bytes(made)

    assert made["PatientID"].value == b"M\xfcller"
    assert made.OtherPatientIDsSequence[0]["PatientID"].value == b"M\xfcller"


def code(**attributes: str) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def test_an_item_that_is_not_whole_is_left_out_and_a_sequence_of_none_with_it():
    whole = code(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning="one")
    part = code(CodeValue="1")

    kept = copied_element(element("ProcedureCodeSequence", Sequence([part, whole])))

    assert [item.CodeMeaning for item in kept.value] == ["one"]
    assert copied_element(element("ProcedureCodeSequence", Sequence([part]))) is None
