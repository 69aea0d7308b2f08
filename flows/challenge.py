"""After the night: the challenger reads along, in a program of its own.

Whatever becomes of that program, the night's answers are delivered and counted before.
"""

import re
import sys
from pathlib import Path

from prefect import get_run_logger, task

from cxrmlops.backlog import challenges, import_cache
from cxrmlops.backlog.database import open_database
from cxrmlops.params import load_site
from cxrmlops.system.files import write_text
from flows.programs import running

COMMAND = (sys.executable, "-m", "cxrmlops.cli", "challenger", "--read")
TRIES = 2  # in one night; what is left is tried in the next one
NOTES = Path("data/challenger.failed.txt")  # readable for its owner alone
OURS = re.compile(r"\d\d:\d\d:\d\d (INFO|WARNING|ERROR) |error: |challenger version ")
HOURS = 4  # that the challenger has: the next night must not wait for it


def challenge(bundle_hash: str) -> str:
    """Let the challenger read what waits; say how far it is, "" there is none.

    Nothing that goes wrong here goes on to the night.
    """
    if not bundle_hash:
        return ""
    try:
        return f"; {read_along(bundle_hash)}"
    except Exception as error:  # noqa: BLE001 the night is whole without it
        get_run_logger().warning("challenger: %s", type(error).__name__)
        return "; the challenger has not read along, see the log"


@task(name="challenger", task_run_name="challenger")
def read_along(bundle_hash: str) -> str:
    """Start the program, once more where it ended early, and count what is left."""
    engine = open_database()
    ended = 0
    for _ in range(TRIES):
        if not challenges.counts(engine, bundle_hash).get(challenges.WAITING):
            break
        if not (ended := _run()):
            break
        get_run_logger().warning("challenger: its program ended with %d", ended)
    import_cache.clear(engine, load_site().backlog)  # images that waited for it
    numbers = challenges.counts(engine, bundle_hash)
    how = f" (its program ended with {ended})" if ended else ""
    said = f"challenger: {challenges.told(numbers)}{how}"
    get_run_logger().info("%s", said)
    return said


def _run() -> int:
    """Run the program, its lines in our log; return how it ended."""
    others: list[str] = []
    with running(COMMAND, seconds=HOURS * 3600) as program:
        for line in program.stdout or ():
            _pass_on(line, others)
    if others:
        write_text(NOTES, "".join(others), private=True)
    return program.returncode


def _pass_on(line: str, others: list[str]) -> None:
    """Show what we said ourselves; a foreign error may name a patient's file."""
    if OURS.match(line):
        get_run_logger().info("%s", line.rstrip())
    else:
        others.append(line)
