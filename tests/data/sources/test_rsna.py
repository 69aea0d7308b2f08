import pandas as pd
import pytest

from cxrmlops.data.finding_boxes import read_boxes
from cxrmlops.data.image_list import ListedImage, list_images
from cxrmlops.data.sources import SOURCES, nih, read_images, rsna
from cxrmlops.system.errors import DataError
from tests.data.rows import make_reading

COLUMNS = "nih_name,rsna_id,rsna_class,view,sex,age"


def reading(tmp_path, *lines: str, columns: str = COLUMNS):
    (tmp_path / "table.csv").write_text("\n".join([columns, *lines]) + "\n")
    return make_reading(tmp_path, reports="table.csv")


@pytest.mark.parametrize(
    ("label", "conclusion", "findings"),
    [
        ("Normal", "NSF", ""),
        ("Lung Opacity", "ASF", "Lung_Opacity"),
        ("No Lung Opacity / Not Normal", "ASF", "Other"),
    ],
)
def test_only_normal_is_no_significant_finding(tmp_path, label, conclusion, findings):
    asked = reading(tmp_path, f"00000001_000.png,a,{label},PA,F,50")

    row = rsna.report_rows(asked).iloc[0]

    assert (row.conclusion, row.findings) == (conclusion, findings)


def test_a_line_a_box_is_one_picture_and_two_classes_of_it_are_disputed(tmp_path):
    asked = reading(
        tmp_path,
        "00000001_000.png,a,Lung Opacity,PA,F,50",
        "00000001_000.png,a,Lung Opacity,PA,F,50",
        "00000002_000.png,b,Lung Opacity,PA,F,50",
        "00000002_000.png,b,Normal,PA,F,50",
    )

    assert list(rsna.report_rows(asked).conclusion) == ["ASF", "disputed"]


def test_a_picture_is_found_by_either_name_and_its_patient_is_nihs(tmp_path):
    asked = reading(
        tmp_path,
        "00000013_000.png,0a1b,Normal,PA,F,50",
        "00000013_001.png,2c3d,Lung Opacity,AP,M,051Y",
        "00000014_000.png,4e5f,Normal,,,",
        "00000015_000.png,6a7b,Normal,PA,F,9",
    )
    files = [
        ListedImage(f"images/{name}", 1, 1)
        for name in ("00000013_000.png", "2c3d.png", "4e5f.jpg", "6a7b.png", "x.png")
    ]

    rows = rsna.image_rows(files, asked)

    patient = asked.namer.name("patient", "nih", "13")
    assert list(rows.patient_id[:2]) == [patient] * 2
    assert list(rows.rejected) == ["", "", "", "child", "no_report"]
    assert list(rows["view"][:3]) == ["PA", "AP", "unknown"]
    assert list(rows.sex[:3]) == ["F", "M", "unknown"]
    assert list(rows.study_id[:2]) == list(rsna.report_rows(asked).study_id[:2])


def test_the_same_patient_bears_the_same_name_in_nihs_own_source(tmp_path):
    ours = reading(tmp_path, "00000013_000.png,a,Normal,PA,F,50")
    columns = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,"
    table = f"{columns}Patient Gender,View Position\n00000013_000.png,Mass,0,13,50,F,PA"
    (tmp_path / "nih.csv").write_text(table)
    theirs = make_reading(tmp_path, reports="nih.csv")
    files = [ListedImage("00000013_000.png", 1, 1)]

    one, other = rsna.image_rows(files, ours), nih.image_rows(files, theirs)

    assert one.patient_id[0] == other.patient_id[0]
    assert one.image_id[0] == other.image_id[0]


@pytest.mark.parametrize(
    ("columns", "line", "says"),
    [
        ("patientId,class", "a,Normal", "'nih_name' or 'nih' is missing.*published"),
        ("nih,patientId", "1_0.png,a", "'rsna_class' or 'class' is missing"),
        ("nih,class", "x.png,Normal", "1 of 1 .* no name of a picture at NIH.*line 2"),
        ("nih,class", "1_0.png,Covid", "1 of 1 row.* none of RSNA's classes.*line 2"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_the_column(
    tmp_path, columns, line, says
):
    asked = reading(tmp_path, line, columns=columns)

    with pytest.raises(DataError, match=says):
        rsna.report_rows(asked)


def test_rsnas_dicom_files_say_view_and_age_and_boxes_find_them(real_data, tmp_path):
    folder = real_data / "real_dicom" / "native"
    ids = {
        "cr_rsna_ap_opacity": "012a5620-d082-4bb8-9b3b-e72d8938000c",
        "cr_rsna_pa_notnormal": "008c19e8-a820-403a-930a-bc74a4053664",
    }
    asked = reading(
        tmp_path,
        f"00022899_034.png,{ids['cr_rsna_ap_opacity']},Lung Opacity",
        f"00027927_040.png,{ids['cr_rsna_pa_notnormal']},No Lung Opacity / Not Normal",
        columns="nih_name,patientId,class",
    )
    asked.images.mkdir()
    for name, uid in ids.items():
        (asked.images / f"{uid}.dcm").write_bytes((folder / f"{name}.dcm").read_bytes())
    (asked.images / "stranger.dcm").write_bytes(b"no film")
    (tmp_path / "boxes.csv").write_text(
        f"patientId,x,y,width,height,Target\n{ids['cr_rsna_ap_opacity']},1,2,3,4,1\n"
    )

    films = read_images(SOURCES["rsna"], list_images(asked.images), asked, include=None)
    films = films[films.rejected != "no_report"]
    sizes = films.assign(rows=1024, columns=1024)
    boxes = read_boxes(tmp_path / "boxes.csv", asked.namer.key, sizes)

    assert list(films.rejected) == ["", ""]
    assert list(films["view"]) == ["PA", "AP"]
    assert list(films.age_years) == [59, 60]
    assert list(films.study_date) == ["", ""]
    assert list(films.patient_id) == [
        asked.namer.name("patient", "nih", "27927"),
        asked.namer.name("patient", "nih", "22899"),
    ]
    assert set(films.study_id) == set(rsna.report_rows(asked).study_id)
    assert list(boxes.image_id) == [films.image_id.iloc[1]]


def test_real_classes_and_pictures_are_read_and_agree_with_the_published_labels(
    real_data, tmp_path
):
    folder = real_data / "real_cxr" / "radiologist"
    manifest = pd.read_csv(folder / "manifest.csv", dtype=str)
    (tmp_path / "table.csv").write_bytes((folder / "manifest.csv").read_bytes())
    asked = make_reading(tmp_path, reports="table.csv")

    images = rsna.image_rows(list_images(folder / "images"), asked)
    reports = rsna.report_rows(asked).set_index("study_id")

    usable = images[images.rejected == ""]
    joined = reports.conclusion.reindex(usable.study_id)
    assert len(images) == len(manifest)
    assert set(images.rejected) <= {"", "child"}
    assert joined.notna().all()
    assert usable.patient_id.nunique() <= manifest.patient_id.nunique()
    n_asf = (joined == "ASF").sum()
    n_children_asf = (manifest.label == "1").sum() - n_asf
    assert 0 <= n_children_asf <= (images.rejected == "child").sum()
