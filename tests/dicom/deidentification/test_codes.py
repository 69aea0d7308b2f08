"""Codes that the standard lists leave; what a site names does not."""

from pydicom.dataset import Dataset

from cxrmlops.dicom.deidentification.codes import coded_items


def coded(*codes: tuple[str, str, str]):
    made = Dataset()
    made.ViewCodeSequence = []
    for value, scheme, meaning in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = value, scheme
        item.CodeMeaning = meaning
        made.ViewCodeSequence.append(item)
    found = coded_items(made["ViewCodeSequence"])
    return found and [(item.CodeValue, item.CodeMeaning) for item in found]


def test_a_listed_code_gets_the_standards_words():
    postero_anterior = [("272479007", "postero-anterior")]

    assert coded(("272479007", "SCT", "Mueller, Anna")) == postero_anterior
    assert coded(("R-10214", "SNM3", "PA of Anna")) == postero_anterior
    assert coded(("R-10206", "SRT", "")) == [("399348003", "antero-posterior")]
    assert coded(("T-D3000", "SRT", "")) == [("816094009", "Chest")]


def test_a_sites_own_code_leaves_nothing_behind_not_even_an_empty_sequence():
    assert coded(("ROOM 7", "99HOSPITAL", "Chest, Dr. Mueller")) is None
    assert coded(("Mueller", "SCT", "Mueller")) is None
    assert coded() == []
