from pathlib import Path

import pytest

from cxrmlops.records.rerun import rerun

DATA = Path("/srv/project/data")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("split/split.parquet", "'split' (dvc repro)"),
        ("gate/verdict.json", "'gate' (dvc repro)"),
        ("score/0a1b/scored.parquet", "'score' (the night's run, or cxrmlops score)"),
        ("report/0a1b/results.json", "'report' (the night's run, or cxrmlops score)"),
        ("report/reading_list.json", "'report' (the night's run, or cxrmlops score)"),
    ],
)
def test_a_file_is_written_again_by_the_command_that_its_stage_has(
    path: str, said: str
) -> None:
    assert rerun(DATA / path) == said
    assert rerun(Path(path)) == said
