"""Derived UIDs and pseudonyms."""

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrmlops.dicom.identity import (
    derived_uid,
    is_uid,
    key_fingerprint,
    pseudonym,
    pseudonym_key,
)
from cxrmlops.system.errors import DataError, ResourceError


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CXR_PSEUDONYM_KEY")
    return tmp_path


@pytest.mark.parametrize("found", ["1.2.840.10008", "2.25.1", "1", f"1.{'2' * 62}"])
def test_a_uid_is_digits_and_dots(found):
    assert is_uid(found)


@pytest.mark.parametrize(
    "found",
    ["", "1..2", "../../etc", "1.2\\1.3", "1." * 40, "a", f"1.{'2' * 63}"],  # PS3.5 9
)
def test_what_is_no_uid_goes_into_no_address(found):
    assert not is_uid(found)


def test_the_same_sources_and_model_always_give_the_same_uid():
    one = derived_uid("sr", ["1.2", "1.3"], "model|hash")

    assert one == derived_uid("sr", ["1.3", "1.2"], "model|hash")
    assert one == "2.25.315571609882991907554685055560621671969"


def test_a_derived_uid_is_a_legal_uid():
    uid = derived_uid("sr", ["1.2"], "model|hash")

    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    assert not uid.removeprefix("2.25.").startswith("0")


def test_another_kind_source_or_model_gives_another_uid():
    uids = {
        derived_uid("sr", ["1.2"], "a"),
        derived_uid("sc", ["1.2"], "a"),
        derived_uid("sr", ["1.3"], "a"),
        derived_uid("sr", ["1.2"], "b"),
        derived_uid("sr", ["1.2", "1.3"], "a"),
        derived_uid("sr", [], "a"),
    }

    assert len(uids) == 6


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=8), max_size=3), st.lists(st.text(max_size=8)))
def test_parts_cannot_run_into_each_other(first, second):
    same = pseudonym(b"key", *first) == pseudonym(b"key", *second)

    assert same == (first == second)


def test_a_pseudonym_needs_the_key():
    one, other = pseudonym(b"one", "MRN-1"), pseudonym(b"other", "MRN-1")

    assert one != other
    assert len(one) == 16
    assert int(one, 16) >= 0


def test_the_key_comes_from_the_environment_first(home, monkeypatch):
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "given")

    assert pseudonym_key() == b"given"
    assert not (home / ".config").exists()


def test_the_key_is_made_once_and_only_its_owner_reads_it(home):
    first, second = pseudonym_key(), pseudonym_key()

    (path,) = (home / ".config/cxrmlops").iterdir()
    assert first == second
    assert len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_key_file_is_refused(home):
    path = home / ".config/cxrmlops/pseudonym.key"
    path.parent.mkdir(parents=True)
    path.write_text("\n")

    with pytest.raises(DataError, match="is empty; put the old key back"):
        pseudonym_key()


def test_the_fingerprint_tells_keys_apart_and_does_not_tell_the_key():
    assert key_fingerprint(b"one") != key_fingerprint(b"two")
    assert "one" not in key_fingerprint(b"one")


def test_a_home_that_cannot_be_written_is_one_sentence_with_the_variable(
    home, monkeypatch
):
    monkeypatch.setenv("HOME", "/proc/nohome")

    with pytest.raises(ResourceError, match="set CXR_PSEUDONYM_KEY to a secret"):
        pseudonym_key()
