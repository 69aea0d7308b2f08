"""Benchmarks are run by hand; this keeps them running."""

import json

import pytest

from benchmarks import night, steps


@pytest.mark.services
def test_the_memory_of_a_short_night_can_be_measured(tmp_path):
    said = night.in_own_process("benchmarks.memory", tmp_path / "memory", 3)

    figures = json.loads(said)
    assert figures["flow"] > figures["workers"] > 0
    assert figures["page_mb"] > 0


@pytest.mark.parametrize("of", [steps.READING, steps.WRITING], ids=["read", "write"])
def test_the_steps_whose_time_is_told_are_functions_of_the_code_as_it_is(of):
    assert of
    for parts in of.values():
        for owner, name in parts:
            assert callable(getattr(owner, name))
