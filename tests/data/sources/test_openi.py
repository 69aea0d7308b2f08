import pytest

from cxrmlops.data.image_list import ListedImage
from cxrmlops.data.sources import openi
from cxrmlops.data.sources.openi import conclude
from tests.data.rows import make_reading


def write_report(folder, number: str, *codes: str, images: tuple[str, ...] = ()):
    majors = "".join(f"<major>{code}</major>" for code in codes)
    pictures = "".join(f'<parentImage id="{image}"/>' for image in images)
    folder.mkdir(exist_ok=True)
    (folder / f"{number}.xml").write_text(
        f'<eCitation><uId id="CXR{number}"/><MeSH>{majors}</MeSH>{pictures}</eCitation>'
    )


@pytest.mark.parametrize(
    ("codes", "conclusion", "findings"),
    [
        (["normal"], "NSF", []),
        (["normal", "Scoliosis"], "disputed", ["scoliosis"]),
        (["normal", "Technical Quality of Image Unsatisfactory "], "disputed", []),
        ([], "uncertain", []),
        (["No Indexing"], "uncertain", []),
        (["Technical Quality of Image Unsatisfactory "], "uncertain", []),
        (["Catheters, Indwelling/right"], "uncertain", []),
        (["Stents", "Technical Quality of Image Unsatisfactory "], "uncertain", []),
        (["Opacity/lung/upper lobe/right"], "ASF", ["opacity"]),
        (["Opacity/lung", "Opacity/lung/base", "Stents"], "ASF", ["opacity"]),
        (["Lymph  Nodes/calcified"], "ASF", ["lymph nodes"]),
    ],
)
def test_the_label_policy(codes, conclusion, findings):
    assert conclude(codes) == (conclusion, findings)


def test_a_report_row_keeps_the_codes_that_decided(tmp_path):
    write_report(tmp_path / "reports", "1", "Opacity/lung", "Stents")

    row = openi.report_rows(make_reading(tmp_path, reports="reports")).iloc[0]

    assert (row.conclusion, row.findings, row.codes) == (
        "ASF",
        "opacity",
        "Opacity/lung|Stents",
    )
    assert row.study_date == ""


def image_rows(tmp_path, *names: str):
    (tmp_path / "films").mkdir(exist_ok=True)
    reading = make_reading(tmp_path, reports="reports")
    return openi.image_rows([ListedImage(name, 1, 1) for name in names], reading)


def test_a_picture_belongs_to_the_report_that_names_it(tmp_path):
    write_report(tmp_path / "reports", "7", "normal", images=("CXR7_7_IM-1-2001",))
    (tmp_path / "films").mkdir()
    (tmp_path / "films/indiana_projections.csv").write_text(
        "uid,filename,projection\n7,7_IM-1-2001.dcm.png,Frontal\n"
    )

    rows = image_rows(tmp_path, "CXR7_7_IM-1-2001.png", "7_IM-1-2001.dcm.png", "x.png")

    report = openi.report_rows(make_reading(tmp_path, reports="reports")).study_id[0]
    assert list(rows.study_id) == [report, report, ""]
    assert list(rows.rejected) == ["", "", "no_report"]
    assert rows.image_id[0] == rows.image_id[1]


def test_only_pictures_known_as_frontal_are_taken(tmp_path):
    names = tuple(f"CXR7_7_IM-1-{n}" for n in (1001, 2001, 3001))
    write_report(tmp_path / "reports", "7", "normal", images=names)
    (tmp_path / "films").mkdir()
    (tmp_path / "films/indiana_projections.csv").write_text(
        "filename,projection\n7_IM-1-1001.dcm.png,Frontal\n"
        "7_IM-1-2001.dcm.png,Lateral\n"
    )

    rows = image_rows(tmp_path, *(f"{name}.png" for name in names))

    assert list(rows.rejected) == ["", "lateral", "no_projection"]


def test_counts_of_the_real_reports(real_data, tmp_path):
    reading = make_reading(real_data / "reports_openi", reports="NLMCXR_reports.tgz")

    rows = openi.report_rows(reading)

    assert rows.conclusion.value_counts().to_dict() == {
        "ASF": 2367,
        "NSF": 1391,
        "uncertain": 197,
    }
    assert rows.study_id.is_unique
