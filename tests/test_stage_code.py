"""What code a stage runs, and what counts as a change of it."""

import subprocess
import sys

import pytest

from cxrmlops.stage_code import (
    instructions,
    source_file,
    stage_code_hash,
    stage_modules,
)

PLAIN = """
def double(value):
    return 2 * value
"""
COMMENTED = '''
"""A module."""

# why: it is asked for


def double(value: int = 0):
    """Return twice the value."""
    return (
        2 * value  # times two
    )
'''


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (COMMENTED.replace(": int = 0", ""), True),
        (COMMENTED, False),  # another signature
        (PLAIN.replace("2 *", "3 *"), False),
        (PLAIN.replace("double", "twice"), False),
    ],
)
def test_comments_docstrings_and_layout_are_no_change_of_code(other, same):
    assert (instructions(PLAIN) == instructions(other)) is same


def test_a_function_of_a_docstring_alone_stays_a_function():
    assert instructions('def empty():\n    """Nothing."""\n') == (
        "def empty():\n    pass"
    )


def test_training_code_holds_network_and_statistics_but_no_archive_and_no_flow():
    modules = stage_modules("train")

    assert {
        "cxrmlops.stages.train",
        "cxrmlops.model.network",
        "cxrmlops.model.training",
        "cxrmlops.evaluation.statistics.thresholds",
        "cxrmlops.records.tables",
    } <= set(modules)
    assert not [m for m in modules if "archive" in m or "backlog" in m]
    assert list(modules) == sorted(modules)


def test_messages_and_settings_are_no_code_of_a_training():
    assert not {"cxrmlops.system.errors", "cxrmlops.params"} & set(
        stage_modules("train")
    )


def test_a_stage_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no stage 'sleep'"):
        stage_modules("sleep")


def test_stages_of_different_code_have_different_hashes():
    hashes = [stage_code_hash(stage) for stage in ("cohort", "preprocess", "train")]

    assert len(set(hashes)) == 3
    assert all(len(one) == 64 for one in hashes)


@pytest.mark.integration
def test_the_list_names_what_python_loads():
    """The import graph is read, not run: compare it with a real import."""
    code = (
        "import sys, cxrmlops.stages.split;"
        "print(*[m for m in sys.modules if m.startswith('cxrmlops.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    files = {m for m in loaded if source_file(m).exists()}

    assert set(stage_modules("split")) <= files
