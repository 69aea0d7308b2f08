import errno
import json
import os
import shutil
from types import SimpleNamespace

import pytest

from cxrmlops.system.errors import DataError, ResourceError
from cxrmlops.system.files import (
    disk_space,
    only_run,
    read_journal,
    read_json,
    remove_drafts,
    require_ours,
    sha256_folder,
    sha256_json,
    whole,
    whole_folder,
    work_folder,
    write_json,
)


def test_a_file_appears_only_when_its_block_is_done(tmp_path):
    path = tmp_path / "new" / "file.txt"

    with whole(path) as draft:
        draft.write_text("content")
        assert not path.exists()

    assert path.read_text() == "content"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_block_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    with pytest.raises(ZeroDivisionError), whole(path) as draft:
        draft.write_text(str(1 / 0))

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "out"
    with whole_folder(folder) as draft:
        (draft / "old").write_text("1")

    with pytest.raises(ZeroDivisionError), whole_folder(folder) as draft:
        (draft / "half").write_text(str(1 / 0))
    assert [path.name for path in folder.iterdir()] == ["old"]

    with whole_folder(folder) as draft:
        (draft / "new").write_text("2")
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence(tmp_path, code):
    with (
        pytest.raises(ResourceError, match="no disk space left .* run again") as stop,
        whole(tmp_path / "file"),
    ):
        raise OSError(code, "full")

    assert "\n" not in str(stop.value)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_in_a_library_s_own_words_is_one_sentence(tmp_path):
    with pytest.raises(ResourceError, match="no disk space"), whole(tmp_path / "file"):
        raise OSError("with tag 7FE0") from OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize(("free", "error"), [(0, ResourceError), (1 << 30, OSError)])
def test_a_write_cut_short_asks_the_disk(tmp_path, monkeypatch, free, error):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    with (
        pytest.raises(error, match="disk space" if free == 0 else "3968 written"),
        whole(tmp_path / "sub" / "file"),
    ):
        raise OSError("917504 requested and 3968 written")


def test_a_full_disk_names_the_file_and_not_its_draft(tmp_path):
    with (
        pytest.raises(ResourceError, match="writing .*/out/a.b.json; free"),
        whole_folder(tmp_path / "out") as draft,
        whole(draft / "a.b.json"),
    ):
        raise OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize("cause", [None, OSError(errno.EIO, "broken")])
def test_other_errors_of_the_system_are_not_called_a_full_disk(tmp_path, cause):
    with pytest.raises(PermissionError), disk_space(tmp_path):
        raise PermissionError(errno.EACCES, "no") from cause


def test_json_is_stable_and_refuses_what_other_readers_refuse(tmp_path):
    path = tmp_path / "a.json"

    write_json(path, {"b": 1, "a": [True, None]})

    assert read_json(path) == {"a": [True, None], "b": 1}
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "nan.json", {"x": float("nan")})
    assert json.loads(path.read_text())
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_hashes_know_content_not_order(tmp_path):
    assert sha256_json({"a": 1, "b": 2}) == sha256_json({"b": 2, "a": 1})
    assert sha256_json({"a": 1}) != sha256_json({"a": 2})


def test_a_journal_gives_its_finished_lines_and_loses_the_one_cut_short(tmp_path):
    journal = tmp_path / "rows.jsonl"
    assert read_journal(journal) == []

    journal.write_text('["a", 1]\n["b", 2]\n["c')
    assert read_journal(journal) == [["a", 1], ["b", 2]]
    assert journal.read_text() == '["a", 1]\n["b", 2]\n'

    journal.write_text('["c')
    assert read_journal(journal) == []
    assert journal.read_text() == ""


def test_a_folders_hash_knows_names_and_bytes(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_text("1")
    first = sha256_folder(tmp_path)

    (tmp_path / "deep" / "a").rename(tmp_path / "deep" / "b")
    renamed = sha256_folder(tmp_path)
    (tmp_path / "deep" / "b").write_text("2")

    assert len({first, renamed, sha256_folder(tmp_path)}) == 3


def test_unfinished_work_of_other_inputs_lies_elsewhere():
    assert work_folder("train", "a", 1) == work_folder("train", "a", 1)
    assert work_folder("train", "a", 1) != work_folder("train", "a", 2)
    assert work_folder("train", "a").parent.name == "train"


def test_a_second_run_of_a_stage_is_refused_while_the_first_goes_on(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    with only_run("train"):
        with (
            pytest.raises(ResourceError, match="another 'train' runs"),
            only_run("train"),
        ):
            pass
        with only_run("preprocess"):
            pass

    with only_run("train"):
        pass


def test_what_a_killed_run_left_of_a_folder_is_removed_and_nothing_else(tmp_path):
    for kept in ("out/a.dcm", ".other.7.part/a.dcm", "out/.note"):
        (tmp_path / kept).parent.mkdir(exist_ok=True)
        (tmp_path / kept).write_text("content")
    for left in (".out.7.part/films/0.npy", "out/.a.dcm.7.part"):
        (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / left).write_text("half")

    remove_drafts(tmp_path / "out")

    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {"out/a.dcm", ".other.7.part/a.dcm", "out/.note"} <= found
    assert not any("7.part" in name and "other" not in name for name in found)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_may_name_a_patient_is_its_owners_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        with whole(tmp_path / "new/deep/file", private=True) as draft:
            draft.unlink()
            draft.write_text("made anew by a library")
        with whole_folder(tmp_path / "results/folder", private=True) as draft:
            (draft / "below").mkdir()
            (draft / "below" / "file").write_text("x")
    finally:
        os.umask(before)

    for path in tmp_path.rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 == wanted, path


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").touch()

    require_ours(tmp_path / "out", ["a", "b"], where="--out")
    require_ours(tmp_path / "absent", ["a"], where="--out")
    (tmp_path / "out/film.dcm").touch()
    with pytest.raises(DataError, match=r"--out: .* holds 1 file.* not ours"):
        require_ours(tmp_path / "out", ["a", "b"], where="--out")
