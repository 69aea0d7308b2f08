import json
import re
from html.parser import HTMLParser

import pytest

from cxrmlops.records.reading_list import Entry, Night
from cxrmlops.reporting.reading_list import (
    PAGE_ROWS,
    ROWS_SHOWN,
    join_reading_lists,
    write_reading_list,
)

ASF = Entry(
    study_instance_uid="1.1",
    accession_number="A<b>1",
    study_date="20240501",
    probability=0.9,
    answer="ASF",
    reasons=(),
    pictures=(("p/1.jpg", "p/1m.jpg"),),
    in_scope=True,
)
NSF = Entry(
    study_instance_uid="1.2",
    accession_number="A2",
    study_date="",
    probability=0.1,
    answer="NSF",
    reasons=("lateral",),
    pictures=(("p/2.jpg", ""),),
    in_scope=True,
)
LOST = Entry(
    study_instance_uid="1.3",
    accession_number="A3",
    study_date="20240502",
    probability=None,
    answer="",
    reasons=("blank", "blank"),
    pictures=(),
    in_scope=True,
)
HIP = Entry(
    study_instance_uid="1.4",
    accession_number="A4",
    study_date="20240503",
    probability=None,
    answer="",
    reasons=("not_chest",),
    pictures=(),
    in_scope=False,
)
NIGHT = Night(
    site="North & South",
    language="en",
    model="cxr-test",
    bundle="abababababab",
    thresholds=(("balanced", 0.41), ("high_sensitivity", 0.08)),
    analysed_at="2026-05-02T02:30:00+02:00",
    comparable=True,
    files=7,
    rejected=(("blank", 2), ("lateral", 1), ("not_chest", 1)),
    max_wait_hours=24,
    audit_fraction=0.0,
    entries=(HIP, NSF, LOST, ASF),
)


def replace(record, **changes):
    return record.model_copy(update=changes)


class _Balanced(HTMLParser):
    """Notes every tag that is left open or closed twice."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def page_of(folder, night=NIGHT):
    write_reading_list(folder, night)
    return (folder / "reading_list.html").read_text(encoding="utf-8")


def test_the_page_is_ordered_and_whole(tmp_path):
    page = page_of(tmp_path)

    parser = _Balanced()
    parser.feed(page)
    places = [page.index(f">{text}<") for text in ("2024-05-01", "A3", "A2", "A4")]
    assert places == sorted(places)
    assert not parser.open
    assert not parser.wrong


def test_what_a_header_says_cannot_run_in_the_page(tmp_path):
    page = page_of(tmp_path)

    assert "A&lt;b&gt;1" in page
    assert "<b>1" not in page


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.08, "indeterminate, between the two"), (0.079, "no significant finding det")],
)
def test_between_the_thresholds_the_page_says_what_the_report_says(
    tmp_path, probability, words
):
    entry = NSF.model_copy(update={"probability": probability})
    night = NIGHT.model_copy(update={"entries": (entry,)})

    write_reading_list(tmp_path, night)

    badge = (tmp_path / "reading_list.html").read_text().split('class="badge"')[1]
    assert words in badge[:80]


def test_image_and_map_stand_side_by_side_and_nsf_has_no_map(tmp_path):
    page = page_of(tmp_path)

    assert page.index("p/1.jpg") < page.index("p/1m.jpg")
    assert page.count("no map: below the balanced threshold") == 1


def test_both_thresholds_are_marked_on_every_probability(tmp_path):
    page = page_of(tmp_path)

    assert page.count("left:41.00%") == page.count("left:8.00%") == 2


def test_reasons_and_counts_are_shown(tmp_path):
    page = page_of(tmp_path)

    assert page.count("The film is blank.") == 2  # the study, the table of reasons
    assert "3 scored, 4 rejected" in page
    assert "out of scope" in page


def test_an_audit_sample_is_marked(tmp_path):
    page = page_of(tmp_path, replace(NIGHT, audit_fraction=1.0))

    assert page.count("audit sample: second look") == 1


def test_one_colour_scale_is_only_claimed_for_maps_in_logits(tmp_path):
    shared, own = (
        page_of(tmp_path, replace(NIGHT, comparable=comparable))
        for comparable in (True, False)
    )

    assert "one scale for all cases" in shared
    assert "one scale for all cases" not in own


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_speaks_the_language_of_the_site(tmp_path, language):
    page = page_of(tmp_path, replace(NIGHT, language=language))

    assert f'<html lang="{language}">' in page
    assert ("阅片列表" in page) == (language == "zh")


def test_writing_twice_gives_the_same_bytes(tmp_path):
    assert page_of(tmp_path / "a") == page_of(tmp_path / "b")


def test_the_page_stays_private_when_it_is_written_again(tmp_path):
    page_of(tmp_path)
    (tmp_path / "reading_list.html").chmod(0o644)

    page_of(tmp_path)

    assert (tmp_path / "reading_list.html").stat().st_mode & 0o777 == 0o600


def test_a_study_that_came_in_two_chunks_is_listed_once_with_its_last_answer(tmp_path):
    later = replace(NIGHT, entries=(replace(NSF, probability=0.8, answer="ASF"),))
    write_reading_list(tmp_path / "1", NIGHT)
    write_reading_list(tmp_path / "2", later)

    join_reading_lists([tmp_path / "1", tmp_path / "2"], tmp_path / "night")

    page = (tmp_path / "night/reading_list.html").read_text()
    assert page.count('data-key="A2"') == 1
    assert "80.0&nbsp;%" in page
    assert "../2/p/2.jpg" in page


def test_the_joined_page_counts_every_file_once(tmp_path):
    again = replace(NIGHT, files=2, rejected=(("blank", 2),), entries=(LOST,))
    write_reading_list(tmp_path / "1", NIGHT)  # its lateral film belongs to no study
    write_reading_list(tmp_path / "2", again)

    join_reading_lists([tmp_path / "1", tmp_path / "2"], tmp_path / "night")

    joined = json.loads((tmp_path / "night/reading_list.json").read_text())
    pictures = sum(len(entry.pictures) for entry in NIGHT.entries)
    assert dict(joined["rejected"]) == {"blank": 2, "lateral": 1, "not_chest": 1}
    assert joined["files"] == pictures + 4


def long_night(studies):
    entries = tuple(
        replace(NSF, study_instance_uid=f"2.{n}", accession_number=f"A{n}")
        for n in range(studies)
    )
    return replace(NIGHT, entries=entries)


def test_a_long_night_opens_with_its_first_studies_and_holds_all(tmp_path):
    page = page_of(tmp_path, long_night(ROWS_SHOWN + 3))

    rows = page[page.index("<tbody>") : page.index("</tbody>")].split("<tr ")[1:]
    assert [" hidden>" in row for row in rows] == [False] * ROWS_SHOWN + [True] * 3
    assert '<button id="more" type="button">' in page
    assert '<button id="more" type="button" hidden>' in page_of(tmp_path, NIGHT)


def test_a_very_long_night_goes_on_on_further_pages_in_the_same_order(tmp_path):
    studies = 2 * PAGE_ROWS + 3
    page_of(tmp_path, long_night(studies))

    pages = [tmp_path / "reading_list.html"]
    pages += [tmp_path / f"reading_list_{number}.html" for number in (2, 3)]
    texts = [page.read_text() for page in pages]
    ranks = [re.findall(r'class="rank" data-key="(\d+)"', text) for text in texts]
    assert [len(those) for those in ranks] == [PAGE_ROWS, PAGE_ROWS, 3]
    assert [int(one) for those in ranks for one in those] == [*range(1, studies + 1)]
    assert f"Studies {PAGE_ROWS + 1} to {2 * PAGE_ROWS} of {studies}" in texts[1]
    for page, text in zip(pages, texts, strict=True):
        assert page.stat().st_mode & 0o777 == 0o600
        assert f"<b>{studies}</b>" in text
        others = {other.name for other in pages} - {page.name}
        assert set(re.findall(r'href="(reading_list[^"]*)"', text)) == others


def test_a_shorter_night_leaves_no_page_of_a_longer_one_behind(tmp_path):
    page_of(tmp_path, long_night(PAGE_ROWS + 1))

    page = page_of(tmp_path)

    assert [path.name for path in tmp_path.glob("*.html")] == ["reading_list.html"]
    assert "<nav" not in page


@pytest.mark.services
def test_more_studies_are_shown_and_sorted_in_a_browser(tmp_path, browser_page):
    page_of(tmp_path, long_night(ROWS_SHOWN + 3))
    seen = "#list tbody tr:visible"

    browser_page.goto((tmp_path / "reading_list.html").as_uri())
    at_first = browser_page.locator(seen).count()
    browser_page.click("#more")
    then = browser_page.locator(seen).count()
    browser_page.click("#list th button >> nth=2")
    numbers = browser_page.locator(f"{seen} .number-of").all_inner_texts()

    assert (at_first, then) == (ROWS_SHOWN, ROWS_SHOWN + 3)
    assert numbers == [f"A{n}" for n in range(ROWS_SHOWN)]


def test_each_study_leads_to_the_sites_viewer_and_nowhere_without_one(tmp_path):
    address = "https://viewer.example/v?a=1&StudyInstanceUIDs={StudyInstanceUID}"
    write_reading_list(tmp_path, replace(NIGHT, viewer_url=address))
    page = (tmp_path / "reading_list.html").read_text()
    for entry in NIGHT.entries:
        link = f"a=1&amp;StudyInstanceUIDs={entry.study_instance_uid}"
        assert page.count(f'href="https://viewer.example/v?{link}"') == 1
    assert "A&lt;b&gt;1 &#8599;</a>" in page

    write_reading_list(tmp_path, NIGHT)
    assert "https://" not in (tmp_path / "reading_list.html").read_text()


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (("shadow",), "not delivered to the archive that the images come from"),
        (("supervised",), "A radiologist must confirm every answer"),
        (("active", "supervised"), "A radiologist must confirm every answer"),
        (("active", ""), None),
    ],
)
def test_the_page_warns_of_the_stage_that_asks_for_most_care(tmp_path, stages, words):
    folders = [tmp_path / str(number) for number in range(len(stages))]
    for folder, stage in zip(folders, stages, strict=True):
        write_reading_list(folder, NIGHT.model_copy(update={"rollout": stage}))

    join_reading_lists(folders, tmp_path)

    page = (tmp_path / "reading_list.html").read_text()
    assert ("Stage: " in page) == (words is not None)
    assert words is None or words in page
