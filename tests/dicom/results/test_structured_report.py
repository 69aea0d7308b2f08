import datetime as dt
import io
import warnings
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from cxrmlops.dicom.read.headers import read_header
from cxrmlops.dicom.results.answers import ObjectReference, Region, Wording
from cxrmlops.dicom.results.derived import can_hold
from cxrmlops.dicom.results.secondary_capture import (
    OverlayPicture,
    build_secondary_capture,
)
from cxrmlops.dicom.results.structured_report import build_report, report_uid
from tests.make import make_image, make_model_identity, make_study_answer

WORDS = Wording(
    language=("en-US", "English (United States)"),
    tracking="study result",
    probability="Probability of any significant finding",
    image_probability="Probability of any significant finding on this image",
    balanced="Balanced operating threshold",
    high_sensitivity="High-sensitivity operating threshold",
    not_evaluable="Share of images that could not be evaluated",
)
MODEL = make_model_identity()


def build(answer, model=MODEL, **options):
    return build_report(answer, model, wording=WORDS, comment="A summary.", **options)


def overlay_of(image, answer):
    picture = OverlayPicture(np.zeros((80, 64, 3), np.uint8), 64, 64, True)
    return build_secondary_capture(
        answer.images[0], picture, analysed_at=answer.analysed_at, model=MODEL
    )


def written(dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read_back(dataset):
    return pydicom.dcmread(io.BytesIO(written(dataset)))


def children(item, name=None, kind=None):
    return [
        child
        for child in item.get("ContentSequence", [])
        if (name is None or _name(child) == name)
        and (kind is None or child.ValueType == kind)
    ]


def _name(item):
    names = item.get("ConceptNameCodeSequence")
    return names[0].CodeValue if names else ""


def groups_of(report):
    measurements = children(report, name="126010")[0]
    return children(measurements, name="125007")


def test_the_report_says_answer_probability_and_both_thresholds():
    report = build(make_study_answer(0.873))

    (group,) = groups_of(report)
    finding = children(group, name="121071")[0].ConceptCodeSequence[0].CodeValue
    numbers = [
        (_name(n), float(n.MeasuredValueSequence[0].NumericValue))
        for n in children(group, kind="NUM")
    ]
    limits = [children(group, name=code)[0] for code in ("BALANCED", "SENSITIVE")]

    assert finding == "408574004"  # abnormal
    assert numbers == [
        ("122157", 87.3),
        ("BALANCED", 41.37),
        ("SENSITIVE", 8.3),
    ]
    assert [children(n, name="121050")[0].TextValue for n in limits] == [
        WORDS.balanced,
        WORDS.high_sensitivity,
    ]


@pytest.mark.parametrize(
    ("probability", "finding", "normality", "significance"),
    [
        (0.4137, "408574004", "263654008", "386134007"),  # abnormal, significant
        (0.4136, "408379005", "371934000", "386135008"),  # equivocal, undetermined
        (0.083, "408379005", "371934000", "386135008"),
        (0.0829, "408573005", "17621005", "371928007"),  # normal, not significant
    ],
)
def test_only_what_lies_below_both_thresholds_is_coded_normal(
    probability, finding, normality, significance
):
    (group,) = groups_of(build(make_study_answer(probability)))

    assert [coded(group)[name] for name in ("121071", "121402", "121403")] == [
        finding,
        normality,
        significance,
    ]


def coded(group):
    return {
        _name(c): c.ConceptCodeSequence[0].CodeValue
        for c in children(group, kind="CODE")
    }


def test_not_evaluable_is_a_report_without_a_probability_and_never_normal():
    (group,) = groups_of(build(make_study_answer(reason="undecodable")))

    said = coded(group)
    (number,) = children(group, kind="NUM")
    assert _name(number) == "NOT-EVALUABLE"
    assert number.MeasuredValueSequence[0].NumericValue == 100
    assert "121071" not in said  # finding
    assert said["121402"] == "371934000"  # normality undetermined
    assert said["121403"] == "386135008"  # significance undetermined
    assert said["111050"] == "111235"  # unusable
    assert said["111052"] == "111221"  # unknown failure


def test_the_model_is_named_in_algorithm_observer_and_equipment():
    report = build(make_study_answer(0.9))

    (group,) = groups_of(report)
    parameters = [c.TextValue for c in children(group, name="111002")]
    device = children(report, name="121012")[0].UID
    ours = report.ContributingEquipmentSequence[1]
    assert children(group, name="111001")[0].TextValue == MODEL.name
    assert f"bundle_sha256={MODEL.bundle_hash}" in parameters
    assert "operating_point.balanced=0.4137 (equal recalls on val)" in parameters
    assert ours.DeviceUID == device
    assert ours.ManufacturerModelName == MODEL.name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_report_says_in_which_precision_the_model_read(precision):
    answer = make_study_answer(0.9)
    model = MODEL.model_copy(update={"precision": precision})

    (group,) = groups_of(build(answer, model=model))

    parameters = [c.TextValue for c in children(group, name="111002")]
    assert f"precision={precision}" in parameters


def test_other_numbers_have_another_uid_and_32_bit_keeps_the_one_it_had():
    def uid(precision):
        model = MODEL.model_copy(update={"precision": precision})
        return build(make_study_answer(0.9), model=model).SOPInstanceUID

    assert uid("fp32") == uid("") != uid("bf16")


def test_a_number_is_named_by_its_code_and_our_codes_are_explained():
    report = build(make_study_answer(0.9))

    names = [
        number.ConceptNameCodeSequence[0]
        for number in children(groups_of(report)[0], kind="NUM")
    ]
    ours = {name.CodingSchemeDesignator for name in names} - {"DCM"}
    schemes = report.CodingSchemeIdentificationSequence
    assert [name.CodeMeaning for name in names] == [
        "Probability",
        "Balanced threshold",
        "High-sensitivity threshold",
    ]
    assert [one.CodingSchemeDesignator for one in schemes] == list(ours)


def outline(group):
    (region,) = children(group, kind="SCOORD")
    columns, rows = region.GraphicData[::2], region.GraphicData[1::2]
    return [min(columns), min(rows), max(columns), max(rows)]


@pytest.mark.parametrize(
    ("orientation", "box"),
    [
        (["L", "F"], [96, 102.4, 144, 153.6]),
        (["R", "F"], [336, 102.4, 384, 153.6]),  # left and right exchanged
        (["L", "H"], [96, 358.4, 144, 409.6]),  # upside down
        (["F", "L"], [96, 102.4, 144, 153.6]),  # transposed
        (["H", "R"], [336, 358.4, 384, 409.6]),
        (None, [96, 102.4, 144, 153.6]),
    ],
)
def test_the_outline_lies_where_the_region_is_in_the_stored_pixels(orientation, box):
    image = make_image(PatientOrientation=orientation)  # 512 rows, 480 columns
    answer = make_study_answer(0.9, images=[image])
    region = Region(0.2, 0.2, 0.3, 0.3)
    answer = replace(answer, images=(replace(answer.images[0], region=region),))

    (group,) = groups_of(build(answer))

    assert outline(group) == pytest.approx(box, abs=1e-3)


def test_an_image_whose_size_is_unknown_has_no_outline():
    answer = make_study_answer(0.9, images=[make_image(Rows=None, Columns=None)])

    (group,) = groups_of(build(answer))

    assert not children(group, kind="SCOORD")
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1501"


def test_several_images_give_a_study_group_and_one_per_image():
    groups = groups_of(build(make_study_answer(0.2, 0.9)))

    shown = [
        [
            (_name(n), float(n.MeasuredValueSequence[0].NumericValue))
            for n in children(group, kind="NUM")
        ]
        for group in groups
    ]
    assert shown == [
        [("122157", 90.0), ("BALANCED", 41.37), ("SENSITIVE", 8.3)],
        [("IMAGE", 20.0)],
        [("IMAGE", 90.0)],
    ]
    assert len(children(groups[0], name="121112")) == 2
    assert len(children(groups[1], name="121112")) == 1


def test_the_study_s_outline_lies_on_its_worst_image_apart_from_that_image_s_own():
    groups = groups_of(build(make_study_answer(0.2, 0.9)))

    images = [
        children(children(group, kind="SCOORD")[0], kind="IMAGE")[0]
        .ReferencedSOPSequence[0]
        .ReferencedSOPInstanceUID
        for group in groups
    ]
    trackers = {children(group, name="112040")[0].UID for group in groups}
    assert images == [make_image(n).SOPInstanceUID for n in (2, 1, 2)]
    assert outline(groups[0])[3] < outline(groups[2])[1]
    assert len(trackers) == len(groups)


def test_the_series_of_a_report_begins_with_the_answer_and_is_its_own():
    old = ObjectReference("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.5")
    first, low, nothing = (build(make_study_answer(*p)) for p in ((0.9,), (0.01,), ()))
    second = build(make_study_answer(0.1, 0.9), predecessors=[old])

    assert first.SeriesDescription == "AI: ASF 90 %, report (investigational)"
    assert low.SeriesDescription.startswith("AI: NSF 1 %")
    assert nothing.SeriesDescription.startswith("AI: not evaluable")
    assert second.SeriesDescription == "AI: ASF 90 %, newer report (investigational)"
    assert first.SeriesInstanceUID != second.SeriesInstanceUID


def test_evidence_names_images_and_overlays_and_the_tree_links_them():
    image = make_image()
    answer = make_study_answer(0.9, images=[image])
    overlay = overlay_of(image, answer)

    report = build(answer, overlays=[overlay])

    series = report.CurrentRequestedProcedureEvidenceSequence[
        0
    ].ReferencedSeriesSequence
    known = {
        i.ReferencedSOPInstanceUID for s in series for i in s.ReferencedSOPSequence
    }
    shown = children(groups_of(report)[0], name="130401")[0]
    assert known == {image.SOPInstanceUID, overlay.SOPInstanceUID}
    assert shown.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == (
        overlay.SOPInstanceUID
    )


def test_who_changes_the_texts_of_a_report_changes_no_other():
    answer = make_study_answer(0.8)
    wanted = written(build(answer))

    for item in build(answer).iterall():
        if item.VR == "UT":
            item.value = "changed"

    assert written(build(answer)) == wanted


def test_nobody_has_verified_it():
    report = build(make_study_answer(0.9))

    assert report.VerificationFlag == "UNVERIFIED"
    assert report.PreliminaryFlag == "PRELIMINARY"
    assert report.CompletionFlag == "COMPLETE"


def test_the_same_row_gives_the_same_bytes():
    answers = [make_study_answer(0.9, 0.2) for _ in range(2)]
    images = [a.images[0].source for a in answers]

    first, second = (
        (written(build(a, overlays=[overlay_of(f, a)])), written(overlay_of(f, a)))
        for a, f in zip(answers, images, strict=True)
    )

    assert first == second


def test_uids_follow_sources_and_model_and_nothing_else():
    answer = replace(make_study_answer(0.9, 0.2), files=("a ", "b "))

    def uid(**changes):
        three = changes.pop("comprehensive_3d", True)
        return report_uid(replace(answer, **changes), MODEL, comprehensive_3d=three)

    other = deepcopy(answer.images)
    for image in other:
        image.source.StudyInstanceUID = "1.2.3.4.5"
    assert build(answer).SOPInstanceUID == uid()
    assert uid(images=answer.images[::-1], files=("b ", "a ")) == uid()
    changed = [
        uid(images=answer.images[:1]),
        uid(files=("a ", "c ")),
        uid(files=("a ", "b ", "c lateral")),
        uid(images=other),
        uid(comprehensive_3d=False),
    ]
    assert len({uid(), *changed}) == 1 + len(changed)


def test_the_switch_changes_the_class_and_not_the_tree():
    answer = make_study_answer(0.9)

    three, plain = build(answer), build(answer, comprehensive_3d=False)

    assert three.SOPClassUID.name == "Comprehensive 3D SR Storage"
    assert plain.SOPClassUID.name == "Comprehensive SR Storage"
    assert three.ContentSequence == plain.ContentSequence


def test_a_late_image_gives_a_report_that_names_its_predecessor():
    old = ObjectReference(
        "1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.5"
    )

    report = build(make_study_answer(0.9), predecessors=[old])

    series = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.5"


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 192", "Müller^Jörg=山田^太郎"),
        ("ISO_IR 100", "Müller^Jörg"),
        (None, "Mueller^Joerg"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
    ],
)
def test_names_come_back_in_the_bytes_of_the_source(charset, name):
    image = make_image(SpecificCharacterSet=charset, PatientName=name)
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    source = pydicom.dcmread(io.BytesIO(written(image)))
    answer = make_study_answer(0.9, images=[source])

    report = read_back(build(answer, overlays=[overlay_of(source, answer)]))
    overlay = read_back(overlay_of(source, answer))

    original = pydicom.dcmread(io.BytesIO(written(image))).get_item("PatientName").value
    for made in (report, overlay):
        assert made.get("SpecificCharacterSet") == source.get("SpecificCharacterSet")
        assert made.get_item("PatientName").value == original


@pytest.mark.parametrize(
    "name", [b"M\xfcller^J\xfcrgen", b"Smith\\Anna", b"Yamada^Tarou"], ids=str
)
@pytest.mark.parametrize("number", [b"A\xfc1 ", b"ACC1"], ids=str)
def test_identity_keeps_bytes_that_its_character_set_cannot_read(
    tmp_path, name, number
):
    image = make_image(PatientName="@" * len(name), AccessionNumber="#" * len(number))
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    path = tmp_path / "film.dcm"
    content = written(image).replace(b"@" * len(name), name)
    path.write_bytes(content.replace(b"#" * len(number), number))
    source = read_header(path)
    answer = make_study_answer(0.9, images=[source])

    for made in (build(answer), overlay_of(source, answer)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of writing; `save` is quiet
            back = read_back(made)
        assert back.get_item("PatientName").value.rstrip() == name
        assert back.get_item("AccessionNumber").value.rstrip() == number.rstrip()
        assert back.SpecificCharacterSet == "ISO_IR 192"


def test_every_accession_number_of_the_study_stands_in_the_report():
    images = [make_image(n + 1, AccessionNumber=f"ACC-{n}") for n in range(2)]

    report = build(make_study_answer(0.9, 0.2, images=images))

    requests = report.ReferencedRequestSequence
    assert [request.AccessionNumber for request in requests] == ["ACC-0", "ACC-1"]
    assert "ReferencedRequestSequence" not in build(make_study_answer(0.9))


@pytest.mark.parametrize(
    ("meaning", "code"),
    [("Chest PA", "X1"), ("", "399208008"), ("C" * 70, "399208008")],
)
def test_the_procedure_is_that_of_the_source_or_else_a_chest_radiograph(meaning, code):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = "X1", "99SITE"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        item.CodeMeaning = meaning
    image = make_image()
    image.ProcedureCodeSequence = [item]

    report = build(make_study_answer(0.9, images=[image]))

    (told,) = children(report, name="121058")
    assert told.ConceptCodeSequence[0].CodeValue == code
    if code == "X1":
        assert told.ConceptCodeSequence[0].CodeMeaning == meaning


def test_what_is_empty_in_a_sequence_of_the_source_is_left_out():
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "RPCXR", "99LOCAL"
    code.CodeMeaning = "Chest"
    bare = pydicom.Dataset()
    bare.CodeValue = "1"
    image = make_image(ProcedureCodeSequence=[pydicom.Dataset(), code, bare])
    image.ReferencedStudySequence = [pydicom.Dataset()]
    answer = make_study_answer(0.9, images=[image])

    for made in (build(answer), overlay_of(image, answer)):
        assert list(made.ProcedureCodeSequence) == [code]
        assert "ReferencedStudySequence" not in made


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ({"StudyDate": "2017.01.01"}, "20170101"),
        ({"StudyDate": "00010101", "AcquisitionDate": "20180102"}, "20180102"),
        ({"StudyDate": "20190229"}, ""),
    ],
    ids=str,
)
def test_a_study_date_that_is_understood_is_written_as_dicom_writes_it(dates, day):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = make_image(**dates)
    answer = make_study_answer(0.9, images=[image])

    assert read_back(build(answer)).StudyDate == day
    assert read_back(overlay_of(image, answer)).StudyDate == day


def test_a_text_fits_only_a_character_set_that_has_its_letters():
    chinese = "未发现"

    fits = [
        can_hold(make_image(SpecificCharacterSet=term), chinese)
        for term in ("ISO_IR 192", "GB18030", "ISO_IR 100", None)
    ]

    assert fits == [True, True, False, False]


@pytest.mark.parametrize(
    "attributes",
    [
        dict.fromkeys(("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")),
        {"PatientSex": "U"},
        {"PatientOrientation": None},
        {"PatientOrientation": ""},
        {"ImagerPixelSpacing": None},
        {"StudyDate": None, "StudyTime": None},
        {"Rows": None, "Columns": None},
        {"Manufacturer": None},
        {"PatientName": "Onlyonepart"},
    ],
    ids=str,
)
def test_a_source_with_gaps_gets_its_report_and_no_warning(attributes):
    image = make_image(**attributes)
    answer = make_study_answer(0.9, images=[image])

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        report = build(answer, overlays=[overlay_of(image, answer)])

    assert not seen
    assert groups_of(report)


def test_a_value_that_breaks_its_type_is_left_behind_but_identity_is_kept():
    image = make_image()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.PatientAge = "37"
        image.AccessionNumber = "A" * 30

    report = build(make_study_answer(0.9, images=[image]))

    assert "PatientAge" not in report
    assert report.AccessionNumber == "A" * 30


ODD = {
    "PatientName": ["A\\B", "=^=^", "\x00", "A" * 200],
    "PatientBirthDate": ["19991399", "\\", "today"],
    "PatientSex": ["U", "M\\F", "x" * 20],
    "StudyDate": ["2024", "19700132", "\\"],
    "StudyTime": ["250000", "a"],
    "AccessionNumber": ["A\\B", "9" * 60],
    "PatientOrientation": ["L", "L\\", "X\\Q", "P\\F\\A"],
    "ImagerPixelSpacing": ["0.1", "\\", "nan\\1", "0\\0", "1e400\\1"],
    "Rows": [0, 65535, [1, 2]],
    "TimezoneOffsetFromUTC": ["late", "+9999", "+0545"],
    "SpecificCharacterSet": ["ISO_IR 999", "\\ISO 2022 IR 87"],
    "AcquisitionTime": ["99", "\\"],
    "SoftwareVersions": ["1\\2", "v" * 100],
}


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.dictionaries(
        st.sampled_from(sorted(ODD)), st.integers(0, 3), min_size=1, max_size=4
    )
)
def test_no_header_however_odd_keeps_a_study_from_its_report(tmp_path, drawn):
    path = tmp_path / "odd.dcm"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ignore = pydicom.config.IGNORE
        patch.setattr(pydicom.config.settings, "writing_validation_mode", ignore)
        values = {k: ODD[k][n % len(ODD[k])] for k, n in drawn.items()}
        image = make_image(**values)
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.save_as(path, enforce_file_format=False)
    source = read_header(path)
    answer = make_study_answer(0.9, images=[source])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of writing; `save` is quiet
        report = read_back(build(answer, overlays=[overlay_of(source, answer)]))

    assert groups_of(report)
    assert report.StudyInstanceUID == source.StudyInstanceUID


def test_times_are_told_in_the_offset_of_the_source():
    image = make_image(TimezoneOffsetFromUTC="-0500")

    here = build(make_study_answer(0.9))
    there = build(make_study_answer(0.9, images=[image]))

    assert (here.ContentDate, here.ContentTime) == (
        dt.date(2026, 5, 2),
        dt.time(2, 30),
    )
    assert here.TimezoneOffsetFromUTC == "+0200"
    assert (there.ContentDate, there.ContentTime) == (
        dt.date(2026, 5, 1),
        dt.time(19, 30),
    )
    assert there.TimezoneOffsetFromUTC == "-0500"
