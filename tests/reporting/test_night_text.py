from dataclasses import replace

from cxrmlops.reporting.night_text import NightFacts, night_text

NIGHT = NightFacts(
    date="2026-11-27",
    ended="in 7, scored 4, rejected 1, failed 1",
    studies={"in": 7, "scored": 4, "rejected": 1, "failed": 1, "forgotten": 1},
    files={"in": 9, "scored": 6, "rejected": 1, "failed": 1, "forgotten": 1},
    rejected={"unreadable": 1},
    failed={"MemoryError, see data/score/a|b.failed.txt": 1},
    model="cxr-sigfind version 3 (champion): cxr-resnet18-128, bundle `111111111111`",
    seconds=150.0,
    reading_list="/site/data/report/reading_list.html",
)


def test_every_study_that_came_in_is_in_the_sum():
    said = night_text(NIGHT)

    assert (
        "**in 7 = scored 4 + rejected 1 + failed 1 + waiting 0 + forgotten 1**" in said
    )
    assert "| scored | 4 | 6 |" in said


def test_reasons_model_speed_and_the_way_to_the_result_are_told():
    said = night_text(NIGHT)

    assert "| rejected | 1 | The file is damaged and cannot be read" in said
    assert "| failed | 1 | MemoryError, see data/score/a\\|b.failed.txt |" in said
    assert "* Model: cxr-sigfind version 3 (champion)" in said
    assert "* Took 2.5 min; 2.0 studies/min" in said  # 4 scored and 1 rejected
    assert "`/site/data/report/reading_list.html`, to be opened on that machine" in said


def test_a_night_without_anything_new_has_no_picture_and_no_list():
    none = dict.fromkeys(("in", "scored", "rejected", "failed"), 0)
    said = night_text(
        replace(NIGHT, studies=none, rejected={}, failed={}, reading_list="")
    )

    assert "**in 0 = scored 0 + rejected 0 + failed 0 + waiting 0**" in said
    assert "Reading list: none, no study was answered" in said
    assert "why" not in said
    assert "![" not in said


def test_the_picture_is_the_last_thing():
    said = night_text(replace(NIGHT, picture="data:image/jpeg;base64,AAAA"))

    assert said.endswith("](data:image/jpeg;base64,AAAA)\n")
