import configparser
import shutil
import subprocess

import pytest

from cxrmlops.stack import systemd


def read(text: str) -> configparser.ConfigParser:
    settings = configparser.ConfigParser(interpolation=None)
    settings.optionxform = str  # type: ignore[assignment, method-assign]
    settings.read_string(text)
    return settings


def test_the_unit_keeps_supervisord_in_the_foreground_as_its_maker(tmp_path):
    unit = read(systemd.unit(tmp_path, project=tmp_path))

    assert unit["Service"]["ExecStart"].endswith(f"{tmp_path}/supervisord.conf -n")
    assert unit["Service"]["User"]
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.services
def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing")
    file = tmp_path / systemd.UNIT
    file.write_text(systemd.unit(tmp_path, project=tmp_path))

    done = subprocess.run(
        [program, "verify", str(file)], capture_output=True, text=True
    )

    faults = [line for line in done.stderr.splitlines() if file.name in line]
    assert faults == []
