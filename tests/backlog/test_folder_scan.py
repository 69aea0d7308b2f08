import os
import shutil
import time
from functools import partial

import pytest
from sqlalchemy import Engine, event

from cxrmlops.backlog import folder_scan
from cxrmlops.backlog.database import open_database
from cxrmlops.system.errors import ParamsError
from tests import deadly, make


@pytest.fixture
def backlog(tmp_path):
    folder = tmp_path / "backlog"
    for study in ("1.2.1", "1.2.2"):
        for number in (0, 1):
            image = make.make_chest_image(
                study=study, SOPInstanceUID=f"{study}.{number}"
            )
            make.save_image(image, folder / f"{study}/{number}.dcm")
    return folder


def look(folder, known=None, settle=0.0):
    """Look with what is known by place, or with the ledger that knows it."""
    if isinstance(known, Engine):
        return folder_scan.look(
            folder,
            known=partial(folder_scan.known_images, known),
            settle_minutes=settle,
        )
    return folder_scan.look(
        folder, known=lambda places: known or {}, settle_minutes=settle
    )


def test_images_are_put_together_by_study(backlog):
    arrived, new = look(backlog)

    assert sorted(arrived.studies) == ["1.2.1", "1.2.2"]
    assert [f.place for f in arrived.studies["1.2.1"]] == ["1.2.1/0.dcm", "1.2.1/1.dcm"]
    assert len(new) == arrived.n_files == 4


def test_a_header_that_kills_its_reader_is_a_study_of_its_own(backlog, monkeypatch):
    shutil.copy(backlog / "1.2.1/0.dcm", backlog / "bad.dcm")
    monkeypatch.setattr(
        folder_scan, "image_identity", deadly.die_on_an_image_called_bad
    )

    arrived, new = look(backlog)

    (own,) = arrived.studies.keys() - {"1.2.1", "1.2.2"}
    assert own.startswith("file:")
    assert [image.place for image in arrived.studies[own]] == ["bad.dcm"]
    assert len(new) == 5


def test_a_file_seen_before_is_not_read_again(backlog, tmp_path, monkeypatch):
    engine = open_database(f"sqlite:///{tmp_path}/ledger.db")
    folder_scan.note_images(engine, look(backlog)[1])
    monkeypatch.setattr(folder_scan, "map_isolated", None)

    arrived, new = look(backlog, engine)

    assert new == []
    assert sorted(arrived.studies) == ["1.2.1", "1.2.2"]


def test_a_file_changed_in_place_is_read_again(backlog, tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/ledger.db")
    folder_scan.note_images(engine, look(backlog)[1])
    other = make.make_chest_image(study="1.2.9", SOPInstanceUID="1.2.9.1")
    make.save_image(other, backlog / "1.2.1/0.dcm")

    arrived, new = look(backlog, engine)
    folder_scan.note_images(engine, new)

    assert [image.study_uid for image in new] == ["1.2.9"]
    assert sorted(arrived.studies) == ["1.2.1", "1.2.2", "1.2.9"]
    assert (
        folder_scan.known_images(engine, ["1.2.1/0.dcm"])["1.2.1/0.dcm"].study_uid
        == "1.2.9"
    )


def test_a_study_with_a_young_image_waits(backlog):
    old = time.time() - 3600
    for path in backlog.glob("1.2.1/*"):
        os.utime(path, (old, old))
    os.utime(backlog / "1.2.2/0.dcm", (old, old))

    arrived, _ = look(backlog, settle=15)

    assert list(arrived.studies) == ["1.2.1"]
    assert arrived.n_young == 1


def test_an_image_dated_in_the_future_is_read_when_it_has_lain_long_enough(
    backlog, monkeypatch
):
    ahead = time.time() + 2 * 365 * 86_400
    for path in backlog.glob("1.2.2/*"):
        os.utime(path, (ahead, ahead))

    arrived, new = look(backlog, settle=15)
    assert {arrived.waiting[f"1.2.2/{n}.dcm"] for n in (0, 1)} == {folder_scan.FUTURE}

    at = time.time() + 16 * 60
    monkeypatch.setattr(folder_scan.time, "time", lambda: at)
    arrived, _ = look(backlog, {image.place: image for image in new}, settle=15)
    assert sorted(arrived.studies) == ["1.2.1", "1.2.2"]
    assert arrived.waiting == {}


def test_a_clock_that_was_set_back_delays_no_image_for_long(backlog, monkeypatch):
    ahead = time.time() + 2 * 365 * 86_400
    monkeypatch.setattr(folder_scan.time, "time", lambda: ahead)
    for path in backlog.glob("*/*"):
        os.utime(path, (ahead, ahead))
    known = {image.place: image for image in look(backlog, settle=15)[1]}

    monkeypatch.setattr(folder_scan.time, "time", lambda: ahead - 10**7)
    known |= {image.place: image for image in look(backlog, known, settle=15)[1]}
    monkeypatch.setattr(folder_scan.time, "time", lambda: ahead - 10**7 + 16 * 60)

    assert look(backlog, known, settle=15)[0].waiting == {}


def test_files_that_wait_are_counted_by_reason(backlog, tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/ledger.db")
    arrived, new = look(backlog, settle=15)
    folder_scan.note_images(engine, new)

    folder_scan.note_waiting(engine, arrived.waiting)
    assert folder_scan.files_waiting(engine) == {folder_scan.YOUNG: (2, 4)}
    folder_scan.note_waiting(engine, {})
    assert folder_scan.files_waiting(engine) == {}


def test_an_image_whose_name_is_not_utf8_is_read(backlog):
    odd = os.fsencode(backlog) + b"/R\xf6ntgen.dcm"
    shutil.copy(backlog / "1.2.1/0.dcm", odd)

    arrived, _ = look(backlog)

    places = [image.place for image in arrived.studies["1.2.1"]]
    assert places[2].encode() == b"R\\udcf6ntgen.dcm"
    assert len({image.content for image in arrived.studies["1.2.1"]}) == 2


def test_what_cannot_be_read_is_a_study_of_its_own(backlog):
    (backlog / "a.txt").write_text("no film")
    (backlog / "b.txt").write_text("no film")
    (backlog / ".a.dcm.part").write_text("half a film")

    arrived, _ = look(backlog)

    odd = [uid for uid in arrived.studies if uid.startswith("file:")]
    assert len(odd) == 2
    assert arrived.n_files == 6


def test_a_missing_backlog_is_one_sentence(tmp_path):
    with pytest.raises(ParamsError, match="backlog folder .* is missing; make it"):
        look(tmp_path / "nowhere")


@pytest.fixture
def ledger_of_many(tmp_path):
    """A ledger that knows 1,203 files."""
    engine = open_database(f"sqlite:///{tmp_path}/many.db")
    seen = [
        folder_scan.BacklogImage(f"{n}.dcm", n, n, f"1.{n}", "1") for n in range(1203)
    ]
    folder_scan.note_images(engine, seen)
    return engine, {image.place: image for image in seen}


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, 1001, 1203])
def test_of_each_asked_file_that_was_seen_before_all_is_known(ledger_of_many, n):
    engine, seen = ledger_of_many
    here = list(seen)[:n]

    known = folder_scan.known_images(engine, [*here, "never seen.dcm"])

    assert known == {place: seen[place] for place in here}


def test_files_that_lie_elsewhere_are_not_loaded(ledger_of_many):
    engine, _ = ledger_of_many
    loaded = []
    event.listen(engine, "before_cursor_execute", lambda *told: loaded.append(told[3]))

    folder_scan.known_images(engine, ["7.dcm", "8.dcm"])

    assert [told for told in loaded if told] == [("7.dcm", "8.dcm")]
