import pytest

from cxrmlops.data.image_list import list_images
from cxrmlops.data.sources import hospital
from cxrmlops.system.errors import DataError
from tests.data.rows import make_reading
from tests.make import make_chest_image, save_image


def reports(tmp_path, text: str, *, encoding: str = "utf-8"):
    (tmp_path / "reports.csv").write_text(text, encoding=encoding)
    return hospital.report_rows(make_reading(tmp_path))


def images(tmp_path):
    reading = make_reading(tmp_path)
    return hospital.image_rows(list_images(reading.images), reading)


def test_the_documented_columns_are_read(tmp_path):
    rows = reports(
        tmp_path,
        "study_instance_uid,accession_number,conclusion,finding_codes,study_date,"
        "patient_id\n1.2,A7,asf,mass|edema,2017-03-04,0042\n",
    )

    row = rows.iloc[0]
    assert (row.conclusion, row.findings, row.study_date) == (
        "ASF",
        "edema|mass",
        "20170304",
    )
    assert all(row[["study_id", "accession_id", "number_id"]])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Conclusion;Accession_Number;Arzt\nNSF;A1;Müller\n", "latin-1"),
        ("\ufeffconclusion,accession_number\r\nNSF, A1 \r\n", "utf-8"),
        ('conclusion\taccession_number\nNSF\t"A1"\n', "utf-8"),
    ],
)
def test_a_table_reads_the_same_however_it_was_exported(tmp_path, text, encoding):
    plain = reports(tmp_path, "conclusion,accession_number\nNSF,A1\n")

    other = reports(tmp_path, text, encoding=encoding)

    assert other.equals(plain)


def test_images_and_reports_name_a_study_alike(tmp_path):
    save_image(make_chest_image(study="1.2.3", patient="007"), tmp_path / "films/a")

    image = images(tmp_path).iloc[0]
    report = reports(
        tmp_path,
        "study_instance_uid,accession_number,conclusion,patient_id\n"
        "1.2.3,A-1.2.3,NSF,007\n",
    ).iloc[0]

    for name in ("study_id", "accession_id", "number_id"):
        assert image[name] == report[name] != ""


def test_no_number_of_a_patient_is_in_the_rows(tmp_path):
    save_image(make_chest_image(patient="CANARY-1"), tmp_path / "films/a.dcm")

    rows = images(tmp_path)

    assert not rows.astype(str).apply(lambda c: c.str.contains("CANARY")).any().any()


def test_leading_zeros_of_a_number_are_kept(tmp_path):
    rows = reports(tmp_path, "conclusion,accession_number\nNSF,007\nNSF,7\n")

    assert rows.accession_id.is_unique


def test_a_missing_column_is_named_with_the_columns_found(tmp_path):
    with pytest.raises(DataError) as refused:
        reports(tmp_path, "accession_number,result\nA1,NSF\n")

    assert str(refused.value) == (
        f"{tmp_path}/reports.csv: column 'conclusion' is missing, found "
        "accession_number, result; rename or add it"
    )


@pytest.mark.parametrize("row", ["CANARY^TWEETY,A,NSF", "Tweety Canary,1234567,NSF"])
def test_a_table_without_heading_shows_no_values(tmp_path, row):
    with pytest.raises(DataError) as refused:
        reports(tmp_path, f"{row}\n")

    assert "found 3 values where the heading should be" in str(refused.value)
    assert "canary" not in str(refused.value).casefold()


def test_a_table_that_names_no_study_is_refused(tmp_path):
    with pytest.raises(DataError, match="'study_instance_uid' or 'accession_number'"):
        reports(tmp_path, "conclusion,patient_id\nNSF,1\n")


def test_rows_that_name_no_study_are_counted(tmp_path):
    with pytest.raises(DataError, match=r"1 of 2 row\(s\) name no study"):
        reports(tmp_path, "conclusion,accession_number\nNSF,A1\nASF,\n")


def test_a_date_of_another_form_is_refused_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"1 of 2 row.*line 3; write YYYY-MM-DD"):
        reports(
            tmp_path,
            "conclusion,accession_number,study_date\n"
            "NSF,A1,20170101\nNSF,A2,01.02.2017\n",
        )


@pytest.mark.parametrize("content", ["", "conclusion,accession_number\nNSF,A1,,,\n,"])
def test_what_is_no_table_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"reports\.csv"):
        reports(tmp_path, content)


def test_a_header_gives_what_the_cohort_asks(tmp_path):
    image = make_chest_image(
        ViewPosition="AP", PatientSex="M", PatientAge="061Y", Manufacturer="Beta"
    )
    save_image(image, tmp_path / "films/deep/er/film")

    row = images(tmp_path).iloc[0]

    assert row.path == "deep/er/film"
    assert (row.view, row.sex, row.age_years, row.manufacturer, row.study_date) == (
        "AP",
        "M",
        61.0,
        "Beta",
        "20170601",
    )
    assert row.rejected == ""


@pytest.mark.parametrize(
    ("quirk", "reason"),
    [
        ({"ViewPosition": "LL"}, "lateral"),
        ({"BodyPartExamined": "HAND"}, "not_chest"),
        ({"PatientAge": "017Y"}, "child"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
    ],
)
def test_an_image_that_is_not_accepted_says_why(tmp_path, quirk, reason):
    save_image(make_chest_image(**quirk), tmp_path / "films/a.dcm")

    assert list(images(tmp_path).rejected) == [reason]


def test_any_other_file_is_a_row_with_a_reason(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films/notes.txt").write_text("no film")
    (tmp_path / "films/lost.dcm").symlink_to(tmp_path / "nowhere")

    rows = images(tmp_path)

    assert len(rows) == 2
    assert (rows.rejected != "").all()
    assert rows.image_id.is_unique


def test_odd_and_hostile_files_are_rows_with_a_reason(real_data, tmp_path):
    reading = make_reading(tmp_path)
    (tmp_path / "films").symlink_to(real_data / "hostile_dicom")

    rows = hospital.image_rows(list_images(reading.images), reading)

    assert len(rows) > 80
    assert rows.rejected.ne("").sum() > 40


def test_rows_swallowed_by_a_stray_quote_are_not_lost_unsaid(tmp_path):
    text = 'accession_number,conclusion,text\nA1,NSF,"a\nA2,ASF,b\nA3,NSF,c"\n'

    with pytest.raises(DataError, match="'text' holds rows .* from line 2 on"):
        reports(tmp_path, text)


def test_a_report_text_of_several_lines_is_no_row(tmp_path):
    text = 'accession_number,conclusion,text\nA1,NSF,"lungs clear,\nheart, normal"\n'

    assert len(reports(tmp_path, text)) == 1


def test_a_wrong_date_is_named_by_the_line_of_the_file(tmp_path):
    text = "sep=,\n\naccession_number,conclusion,study_date\nA1,NSF,4.3.2017\n"

    with pytest.raises(DataError, match="hold no date, first in line 4; write YYYY"):
        reports(tmp_path, text)
