"""Benchmarks are run by hand; this keeps them running."""

import json

import pytest

from benchmarks import night


@pytest.mark.services
def test_the_memory_of_a_short_night_can_be_measured(tmp_path):
    said = night.in_own_process("benchmarks.memory", tmp_path / "memory", 3)

    figures = json.loads(said)
    assert figures["flow"] > figures["workers"] > 0
    assert figures["page_mb"] > 0
