import stat

from cxrmlops.stack.passwords import NAMES, read_passwords


def test_passwords_are_made_once_long_and_each_its_own(tmp_path):
    first = read_passwords(tmp_path / "passwords.env")

    assert list(first) == list(NAMES)
    assert len(set(first.values())) == len(NAMES)
    assert min(map(len, first.values())) >= 32
    assert read_passwords(tmp_path / "passwords.env") == first


def test_only_their_owner_reads_passwords(tmp_path):
    read_passwords(tmp_path / "passwords.env")

    mode = (tmp_path / "passwords.env").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_password_that_a_person_set_stays_and_a_missing_one_is_made(tmp_path):
    path = tmp_path / "passwords.env"
    path.write_text(f"# of the site\n{NAMES[0]}='chosen by us'\n")

    found = read_passwords(path)

    assert found[NAMES[0]] == "chosen by us"
    assert all(found.values())
