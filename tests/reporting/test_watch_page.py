import re

from cxrmlops.records.watch import Alarm, CalibrationCheck
from cxrmlops.reporting.watch_page import write_watch_page
from cxrmlops.reporting.watch_text import watch_text
from tests.make_records import make_month, make_shift, make_watch

ALARM = Alarm(
    kind="picture", said="picture: mean moved", since="2026-03-18", runbook="Picture"
)


def page(tmp_path, **changes) -> str:
    write_watch_page(tmp_path / "watch.html", make_watch(**changes))
    return (tmp_path / "watch.html").read_text()


def test_a_calm_night_says_so_and_loads_nothing(tmp_path):
    text = page(tmp_path)

    assert "No alarm." in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "<script" not in text


def test_an_alarm_stands_on_top_with_its_place_in_the_runbook(tmp_path):
    text = page(tmp_path, alarms=(ALARM,), shifts=(make_shift(),))

    assert text.index("picture: mean moved") < text.index("Drift</h2>")
    assert "Since 2026-03-18" in text
    assert "docs/how-to/watch.md, <i>Picture</i>" in text
    assert '<tr class="raised"><td>mean</td>' in text


def test_every_alarm_is_in_the_table_however_many_there_are(tmp_path):
    shifts = [make_shift(feature=f"f{i}") for i in range(20)]
    others = [make_shift(feature="calm", is_alarm=False)] * 30

    text = page(tmp_path, shifts=(*shifts, *others))

    assert text.count('class="raised"') == 20
    assert "and 27 more in watch.json" in text


def test_a_month_that_is_not_assessed_says_why(tmp_path):
    few = make_month().model_copy(update={"why": "3 ASF and 4 NSF, 20 of each"})

    assert "not assessed: 3 ASF and 4 NSF" in page(tmp_path, months=(few,))


def test_a_bundle_without_reference_and_refused_calibration_are_told(tmp_path):
    refused = CalibrationCheck(
        verdict="refused", reason="slope .4", n=90, slope=None, intercept=None
    )

    text = page(tmp_path, n_reference=0, shifts=(), calibration=refused)

    assert "holds no reference" in text
    assert "calibration refused" in text


def test_a_report_file_that_was_not_read_is_named(tmp_path):
    assert "Not read: a.csv: no" in page(tmp_path, unread_reports=("a.csv: no",))


def test_the_text_of_the_run_holds_alarm_runbook_and_figures():
    text = watch_text(make_watch(alarms=(ALARM,), shifts=(make_shift(),)))

    assert text.startswith("# Night 2026-03-20: 1 alarm\n")
    assert "docs/how-to/watch.md, Picture" in text
    assert "| mean **alarm** | all | 14 | 300 | 0.5 | 0.6 | 0.300 | 1.0e-09 |" in text
    assert "0.950 (0.930 to 0.970), n = 200" in text
