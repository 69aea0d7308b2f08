"""Real programs in a real terminal, really interrupted."""

import os
import signal
import sys
import time

import pytest

from cxrmlops.system import processes
from tests.conftest import ROOT
from tests.terminals import Terminal

pytestmark = pytest.mark.integration

# A shell in a session of its own, a child that left even that, and one that is deaf.
PROGRAM = """
import subprocess, sys, time
from cxrmlops.system.processes import guarded, tell_interruption, watched
tell_interruption()
with guarded(at_once="at_once" in sys.argv), watched():  # as a flow that runs DVC
    try:  # a child may say that it is ready before we have come to sleep
        for words in sys.argv[2:] or ["sleep 300 & setsid sleep 300 & sleep 300",
                      "trap '' TERM INT; echo ready; sleep 300; sleep 300"]:
            subprocess.Popen(["sh", "-c", words], start_new_session=True)
        time.sleep(300)
    finally:
        print("unwound")
"""


def start(folder, *words: str) -> Terminal:
    (folder / "program.py").write_text(PROGRAM)
    return Terminal(
        [sys.executable, "program.py", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("how", ["at_once", "unwinding"])
@pytest.mark.parametrize(("signal_name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_every_child_ends_with_an_interrupted_program(tmp_path, how, signal_name, code):
    program = start(tmp_path, how)
    program.read_until("ready", seconds=60)

    if signal_name == "SIGINT":
        program.press_ctrl_c()
    else:
        program.kill(signal.SIGTERM)

    assert program.wait(seconds=30) == code
    program.wait_until_alone(seconds=10)
    assert program.said.count(processes.INTERRUPTED) == 1
    assert "Traceback" not in program.said
    assert ("unwound" in program.said) or how == "at_once"


POOL = """
import sys
from cxrmlops.system.processes import guarded, tell_interruption
from cxrmlops.system.workers import map_isolated
from time import sleep
tell_interruption()
with guarded(at_once=True):
    print("ready", flush=True)
    list(map_isolated(sleep, [300, 300], workers=2, ahead=2))
"""


def test_an_interrupted_pool_of_workers_ends_without_a_word_of_its_library(tmp_path):
    (tmp_path / "program.py").write_text(POOL)
    program = Terminal(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    program.read_until("ready", seconds=60)
    time.sleep(3)  # workers have come up

    program.press_ctrl_c()

    assert program.wait(seconds=30) == 130
    program.wait_until_alone(seconds=10)
    assert "resource_tracker" not in program.said


def test_every_child_ends_with_a_killed_program(tmp_path):
    program = start(tmp_path, "at_once")
    program.read_until("ready", seconds=60)

    program.kill(signal.SIGKILL)

    assert program.wait(seconds=10) == 137
    program.wait_until_alone(seconds=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_of_nested_programs_one_speaks_and_all_end(tmp_path, number):
    inner = f"{sys.executable} program.py at_once 'echo ready; sleep 300'"
    program = start(tmp_path, "unwinding", inner)
    program.read_until("ready", seconds=60)

    program.kill(number)

    program.wait(seconds=30)
    program.wait_until_alone(seconds=30)
    assert program.said.count(processes.INTERRUPTED) == (number != signal.SIGKILL)


def test_a_block_that_ends_well_leaves_signals_and_surroundings_as_they_were():
    before = [signal.getsignal(number) for number in processes.SIGNALS]

    with processes.guarded():
        assert processes.MARK in os.environ

    assert processes.MARK not in os.environ
    assert [signal.getsignal(number) for number in processes.SIGNALS] == before


def test_a_program_that_is_told_to_ignore_ctrl_c_ignores_it(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    words = f"trap '' INT; exec {sys.executable} program.py at_once 'echo ready'"
    program = Terminal(
        ["sh", "-c", words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    program.read_until("ready", seconds=60)

    program.press_ctrl_c()
    time.sleep(1)

    assert program.survivors()
    program.kill(signal.SIGTERM)
    assert program.wait(seconds=30) == 143
