"""Everything that a night and a training need, tried at once within seconds."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cxrmlops.operations import machine_checks, model_checks, service_checks
from cxrmlops.operations import status as nights
from cxrmlops.operations.finding import Finding, broken, note, of_error, well
from cxrmlops.operations.notices import roads
from cxrmlops.params import load_params, load_site
from cxrmlops.system.errors import CxrError
from cxrmlops.system.time_limit import Asked

WIDTH = 14  # of a check's name
MARKS = {"ok": "ok", "note": "note", "broken": "FAIL"}


@dataclass(frozen=True)
class Check:
    """A question, and how long its answer may take."""

    name: str
    ask: Callable[[], Finding]
    seconds: float = 10.0


def _check_params() -> Finding:
    load_params()
    return well("params.yaml", "valid")


def _check_site() -> Finding:
    site = load_site()
    return well("site.yaml", f"valid; site {site.name}")


def _check_night() -> Finding:
    found = nights.look(load_site().notices)
    told = found.line().partition(" - ")[2].partition(" | ")[0]
    do = next((one.do for one in found.problems if one.level == found.level), "")
    if found.level == nights.CRITICAL:
        return broken("night", told, do)
    if found.level == nights.WARNING:
        return note("night", told, do)
    return well("night", told)


def _check_notices() -> Finding:
    named = roads(load_site().notices)
    if not named:
        do = "site.yaml: notices, then: cxrmlops notice TEXT"
        return note("notices", "nobody is told when a night fails", do)
    return well("notices", f"by {' and '.join(named)}; try: cxrmlops notice TEXT")


CHECKS = (
    Check("params.yaml", _check_params),
    Check("site.yaml", _check_site),
    Check(service_checks.LEDGER, service_checks.check_ledger),
    Check(service_checks.MLFLOW, service_checks.check_mlflow),
    Check(service_checks.PREFECT, service_checks.check_prefect, 15.0),
    Check(service_checks.ARCHIVE, service_checks.check_archive, 15.0),
    Check(service_checks.ROLLOUT, service_checks.check_rollout, 15.0),
    Check("night", _check_night),
    Check("notices", _check_notices),
    Check(machine_checks.DISK, machine_checks.check_disk),
    Check(machine_checks.MEMORY, machine_checks.check_memory),
    Check(machine_checks.PROCESSOR, machine_checks.check_processor),
    Check(machine_checks.CLOCK, machine_checks.check_clock),
    Check(machine_checks.PERMISSIONS, machine_checks.check_permissions),
    Check(model_checks.KEY, model_checks.check_key),
    Check(model_checks.CODE, model_checks.check_code),
    Check(model_checks.WEIGHTS, model_checks.check_weights, 60.0),
    Check(model_checks.CHAMPION, model_checks.check_champion, 60.0),
)
MODEL_CHECK = Check(model_checks.MODEL, model_checks.check_model, 300.0)


def examine(checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Ask all checks at the same time; give their findings in the same order.

    One that is not answered within its limit is broken, and does not hold up the
    others.
    """
    begun = time.monotonic()
    asked = [(check, Asked(check.ask)) for check in checks]
    return [
        _finding(check, one, max(begun + check.seconds - time.monotonic(), 0))
        for check, one in asked
    ]


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line a finding, what to do below it, and a count at the end."""
    for one in findings:
        yield f"{MARKS[one.state]:4}  {one.name:{WIDTH}}{one.said}"
        if one.do:
            yield f"{'':6}{'':{WIDTH}}do: {one.do}"
    counts = [sum(one.state == state for one in findings) for state in MARKS]
    yield "{} good, {} to note, {} broken".format(*counts)


def _finding(check: Check, asked: "Asked[Finding]", seconds: float) -> Finding:
    try:
        return asked.answer(seconds)
    except TimeoutError:
        return broken(
            check.name,
            f"no answer within {check.seconds:g} s",
            "see whether it runs, and whether a firewall lies between",
        )
    except CxrError as error:
        return of_error(check.name, error)
    except Exception as error:  # noqa: BLE001  the others still have to be told
        return broken(
            check.name,
            f"could not be looked at ({type(error).__name__})",
            "run the command that needs it: its message says more",
        )
