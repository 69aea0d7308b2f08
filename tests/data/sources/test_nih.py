import csv
import gzip
import math

import pytest

from cxrmlops.data.image_list import ListedImage, list_images
from cxrmlops.data.sources import nih
from cxrmlops.system.errors import DataError
from tests.data.rows import make_reading

COLUMNS = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
    "View Position"
)


def reading(tmp_path, *lines: str, columns: str = COLUMNS, name: str = "table.csv"):
    text = "\n".join([columns, *lines]) + "\n"
    path = tmp_path / name
    path.write_bytes(
        gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    )
    return make_reading(tmp_path, reports=name)


def image(name: str) -> ListedImage:
    return ListedImage(name, 1, 1)


@pytest.mark.parametrize(
    ("labels", "conclusion", "findings"),
    [
        ("No Finding", "NSF", ""),
        ("Mass|Edema", "ASF", "Edema|Mass"),
        ("Pleural_Thickening", "ASF", "Pleural_Thickening"),
        ("Mass|No Finding", "disputed", "Mass"),
    ],
)
def test_any_of_the_findings_makes_an_image_abnormal(
    tmp_path, labels, conclusion, findings
):
    asked = reading(tmp_path, f"1_000.png,{labels},0,1,50,F,PA")

    row = nih.report_rows(asked).iloc[0]

    assert (row.conclusion, row.findings) == (conclusion, findings)


def test_an_unknown_label_is_named_with_its_count(tmp_path):
    asked = reading(
        tmp_path,
        "1_0.png,Mass,0,1,50,F,PA",
        "1_1.png,Covid|Mass,1,1,50,F,PA",
        "1_2.png,Covid|Mass,2,1,50,F,PA",
    )

    with pytest.raises(
        DataError, match=r"'Finding Labels': 2 row.*15 \(Covid\), first in line 3;"
    ):
        nih.report_rows(asked)


def test_a_missing_column_is_named(tmp_path):
    asked = reading(tmp_path, columns="Image Index,Patient ID")

    with pytest.raises(DataError, match="column 'Finding Labels', 'Follow-up #'"):
        nih.report_rows(asked)


def test_an_image_is_found_by_its_stem_and_shares_the_study_of_its_line(tmp_path):
    asked = reading(
        tmp_path, "1_000.png,Mass,0,1,50,F,PA", "1_001.png,Mass,1,1,51,F,AP",
        name="table.csv.gz",
    )  # fmt: skip

    images = nih.image_rows([image("deep/1_001.jpg")], asked)
    reports = nih.report_rows(asked)

    row = images.iloc[0]
    assert (row["view"], row.age_years, row.sex) == ("AP", 51.0, "F")
    assert row.study_id == reports.study_id[1] != reports.study_id[0]


def test_an_image_that_the_table_does_not_name_has_no_report(tmp_path):
    asked = reading(tmp_path, "1_000.png,Mass,0,1,50,F,PA")

    assert list(nih.image_rows([image("other.png")], asked).rejected) == ["no_report"]


def test_children_are_out_and_unknown_ages_are_in(tmp_path):
    asked = reading(
        tmp_path,
        "1_0.png,Mass,0,1,17,F,PA",
        "2_0.png,Mass,0,2,18,F,PA",
        "3_0.png,Mass,0,3,411,F,PA",
    )

    images = nih.image_rows(
        [image("1_0.png"), image("2_0.png"), image("3_0.png")], asked
    )

    assert list(images.rejected) == ["child", "", ""]
    assert math.isnan(images.age_years[2])


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("58", 58),
        ("058Y", 58),
        ("006M", 0.5),
        ("487D", 4 / 3),
        ("008W", 56 / 365.25),
        ("120", 120),
        ("0", 0),
    ],
)
def test_ages_are_read_in_years(text, years):
    assert nih.age_in_years(text) == pytest.approx(years)


@pytest.mark.parametrize("text", ["", "411", "-3", "old", "1e9"])
def test_what_no_person_can_be_is_unknown(text):
    assert math.isnan(nih.age_in_years(text))


def test_labels_of_the_real_images_are_those_of_their_manifest(real_data):
    folder = real_data / "real_cxr/open"
    asked = make_reading(folder)
    asked = type(asked)(
        **vars(asked)
        | {
            "images": folder / "images",
            "reports": real_data / "metadata/Data_Entry_2017_v2020.csv.gz",
        }
    )
    with (folder / "manifest.csv").open() as file:
        truth = {row["file"]: row["label"] == "1" for row in csv.DictReader(file)}

    images = nih.image_rows(list_images(folder / "images"), asked)
    reports = nih.report_rows(asked).set_index("study_id").conclusion

    assert len(truth) == len(images) == 730
    abnormal = images.study_id.map(reports) == "ASF"
    assert dict(zip("images/" + images.path, abnormal, strict=True)) == truth
    assert images.patient_id.nunique() == 544


@pytest.mark.parametrize(
    ("text", "years"), [("57.0", 57), ("6.0", 6), ("57,0", 57), ("058y", 58)]
)
def test_an_age_that_a_program_wrote_anew_is_the_same_age(text, years):
    assert nih.age_in_years(text) == years


def test_a_table_saved_again_by_pandas_gives_the_same_people(tmp_path):
    asked = reading(
        tmp_path,
        "1_0.png,Mass,0,1,57.0,male,pa",
        "2_0.png,Mass,0,2,6.0,Female ,PA",
        "3_0.png,Mass,0,3,414,F,ap",
    )

    images = nih.image_rows([image(f"{n}_0.png") for n in (1, 2, 3)], asked)

    assert list(images.rejected) == ["", "child", ""]
    assert images.age_years[0] == 57
    assert list(images.sex) == ["M", "F", "F"]
    assert list(images["view"]) == ["PA", "PA", "AP"]


def test_a_lateral_image_of_the_table_is_not_of_unknown_view(tmp_path):
    asked = reading(
        tmp_path, "1_0.png,Mass,0,1,50,F,Lateral", "2_0.png,Mass,0,2,50,F,PA"
    )

    assert list(nih.image_rows([image("1_0.png")], asked).rejected) == ["lateral"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1_0.png,Mass,0,1,fifty,F,PA", r"'Patient Age': 1 of 1 .* line 2 \('fifty'\)"),
        ("1_0.png,Mass,0,1,50,Frau,PA", r"'Patient Gender': 1 of 1 .*line 2 \('Frau'"),
        ("1_0.png,Mass,0,1,50,F,front", r"'View Position': 1 of 1 .*line 2 \('front'"),
    ],
)
def test_a_column_that_is_mostly_not_understood_is_refused(tmp_path, line, said):
    with pytest.raises(DataError, match=said):
        nih.image_rows([image("1_0.png")], reading(tmp_path, line))


def test_values_that_count_as_unknown_are_said_without_digits(tmp_path, caplog):
    asked = reading(tmp_path, "1_0.png,Mass,0,1,50,F,PA", "2_0.png,Mass,0,2,414Y,F,PA")

    nih.image_rows([image("1_0.png")], asked)

    assert "'Patient Age': 1 of 2 value(s) are not understood" in caplog.text
    assert "first in line 3 ('999Y')" in caplog.text
