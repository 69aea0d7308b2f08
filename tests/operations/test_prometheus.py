import re

import pytest
from typer.testing import CliRunner

from cxrmlops.cli import app
from cxrmlops.operations import heartbeat

pytestmark = pytest.mark.usefixtures("site")
LINE = re.compile(  # prometheus.io/docs/instrumenting/exposition_formats
    r'[a-z_]+(\{[a-z]+="[a-z]+"\})? -?[0-9.e+]+|# (HELP|TYPE) [a-z_]+ .+'
)


def run(*words: str):
    return CliRunner().invoke(app, ["status", "--prometheus", *words])


def test_every_line_is_in_the_format_and_each_number_is_described_once():
    heartbeat.begin("a")
    heartbeat.end("a", "half", said="2 wait", counts={"in": 3, "scored": 1})

    lines = run("-").output.splitlines()

    assert [line for line in lines if not LINE.fullmatch(line)] == []
    kinds = [line for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds))
    assert 'cxrmlops_night_state{state="half"} 1' in lines
    assert 'cxrmlops_night_state{state="failed"} 0' in lines
    assert 'cxrmlops_night_studies{outcome="scored"} 1' in lines
    assert "cxrmlops_status 1" in lines


def test_the_file_is_written_whole_and_the_exit_code_is_the_level(site):
    done = run("cxr.prom")

    assert done.exit_code == 1
    assert (site / "cxr.prom").read_text().startswith("# HELP cxrmlops_status ")
    assert [path.name for path in site.glob(".*")] == []


def test_a_place_that_cannot_be_written_is_unknown(site):
    (site / "file").write_text("")

    done = run("file/cxr.prom")

    assert done.exit_code == 3
    assert done.output.startswith("CXR UNKNOWN - ")
