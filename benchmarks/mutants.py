"""
Would the tests notice? Wrong changes of one place, drawn by chance, one at a time.

    python -m benchmarks.mutants --packages evaluation data --n 150 --seed 1

Every change is made in a copy of the checkout; the tests of the changed module run
there (`tests/<package>/test_<module>.py` first, then the package's other tests that
import it). The changes are cosmic-ray's; a full run would take days on two cores, so
they are sampled. What was tried once is not tried again until module or tests change.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from benchmarks.mutations import ROOT, SOURCE, Mutant, draw, noted, tests_of

WORK = ROOT / ".work/mutants"
TREE, RESULTS, SAID = WORK / "tree", WORK / "results.jsonl", WORK / "said.txt"
EQUIVALENT = Path("tests/equivalent_mutants.txt")  # module :: changed line :: reason
PACKAGES = ("evaluation", "data", "backlog", "dicom")
MARKS = "not (slow or soak or gpu or services)"
LEAST_SECONDS = 20.0  # before a run of tests counts as hanging


def main() -> None:
    """Draw, try, report: killed share per package with a Wilson interval."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--packages", nargs="+", default=PACKAGES)
    asked.add_argument("--modules", nargs="+", help="names within the packages")
    asked.add_argument("--n", type=int, default=100, help="changes per package")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    _copy_tree()
    _import_heavy()
    known = _known_results()
    equivalent = _equivalents()
    for package in options.packages:
        drawn = draw(package, options.modules, n=options.n, seed=options.seed)
        found = []
        began, new = time.monotonic(), 0
        for done, mutant in enumerate(drawn, 1):
            key = _key(mutant)
            if key not in known:
                known[key] = _judge(mutant)
                new += 1
                _remember(key, mutant, known[key])
            verdict = known[key]
            if verdict == "survived" and _place(mutant) in equivalent:
                verdict = "equivalent"
            found.append((mutant, verdict))
            left = (time.monotonic() - began) / max(1, new) * (len(drawn) - done)
            so_far = Counter(verdict for _, verdict in found)
            tally = ", ".join(f"{n} {verdict}" for verdict, n in so_far.items())
            print(f"{package} {done}/{len(drawn)}: {tally}; {left / 60:.0f} min left")
        _report(package, found, options.seed)


def _judge(mutant: Mutant) -> str:
    """Run the module's tests on the change: killed, survived or timed out."""
    tests = tests_of(mutant.module)
    if not tests:
        return "survived"
    limit = max(LEAST_SECONDS, 4 * _usual_seconds(mutant.module, tests))
    at = TREE / SOURCE / f"{mutant.module}.py"
    plain = at.read_text()
    try:
        at.write_text(mutant.code)
        code = _run(tests, limit)
    finally:
        at.write_text(plain)
    return {None: "timed out", 0: "survived", 5: "survived"}.get(code, "killed")


_SECONDS: dict[str, float] = {}


def _usual_seconds(module: str, tests: list[Path]) -> float:
    """Measure the tests without a change; they must pass."""
    if module not in _SECONDS:
        began = time.monotonic()
        if _run(tests, 1200) not in (0, 5):
            print(SAID.read_text()[-3000:], file=sys.stderr)
            raise SystemExit(f"error: the tests of {module} fail without any change")
        _SECONDS[module] = time.monotonic() - began
    return _SECONDS[module]


def _run(tests: list[Path], limit: float) -> int | None:
    """Run tests in a fork that has imported the large libraries; None: too long."""
    child = os.fork()
    if child == 0:
        _run_here(tests)
    until = time.monotonic() + limit
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run_here(tests: list[Path]) -> None:
    import pytest
    from hypothesis import settings

    os.setsid()
    os.chdir(TREE)
    said = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    sys.path[:0] = [str(TREE / "src"), str(TREE)]
    os.environ["PYTHONPATH"] = f"{TREE / 'src'}:{TREE}"
    for name in [name for name in sys.modules if name.startswith("benchmarks")]:
        del sys.modules[name]
    settings.register_profile("mutants", derandomize=True, database=None)
    settings.load_profile("mutants")
    # pytest would rather import its plugins itself
    known = "ignore:Module already imported"
    plain = ["-x", "-q", "-p", "no:cacheprovider", "-W", known, "-m", MARKS]
    code = pytest.main([*plain, *map(str, tests)])
    os._exit(int(code))


def _copy_tree() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    beside = TREE.parent / "shared"  # where tests look for real films
    if (ROOT.parent / "shared").is_dir() and not beside.exists():
        beside.symlink_to((ROOT.parent / "shared").resolve())
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)


def _import_heavy() -> None:
    """Import once what nearly every test imports; the forks share it."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # a stale module would hide a change
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.dont_write_bytecode = True
    heavy = (
        *("pandas", "scipy.stats", "sklearn.metrics", "statsmodels.api", "torch"),
        *("torchvision", "pydicom", "hypothesis", "pytest"),
    )
    for name in heavy:
        __import__(name)


def _key(mutant: Mutant) -> str:
    told = hashlib.sha256(mutant.code.encode())
    for path in (Path("tests/make.py"), *tests_of(mutant.module)):
        told.update((ROOT / path).read_bytes())
    return told.hexdigest()[:16]


def _place(mutant: Mutant) -> tuple[str, str]:
    return mutant.module, mutant.after


def _known_results() -> dict[str, str]:
    if not RESULTS.exists():
        return {}
    rows = map(json.loads, RESULTS.read_text().splitlines())
    return {row["key"]: row["verdict"] for row in rows}


def _remember(key: str, mutant: Mutant, verdict: str) -> None:
    row = asdict(mutant) | {"key": key, "verdict": verdict}
    del row["code"]
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _equivalents() -> set[tuple[str, str]]:
    return {(module, after) for module, after, _reason in noted(EQUIVALENT)}


def _report(package: str, found: list[tuple[Mutant, str]], seed: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    tally = Counter(verdict for _, verdict in found)
    noticed = tally["killed"] + tally["timed out"]
    n = noticed + tally["survived"]
    low, high = proportion_confint(noticed, n, method="wilson")
    for mutant, verdict in found:
        if verdict == "survived":
            print(f"  {mutant.module}.py:{mutant.line}: {mutant.before}")
            print(f"    survived: {mutant.after}")
    print(
        f"{package}: {noticed} of {n} noticed, {noticed / n:.1%} ({low:.1%} to "
        f"{high:.1%}), {tally['timed out']} of them by the time limit; "
        f"{tally['equivalent']} equivalent, seed {seed}"
    )


if __name__ == "__main__":
    main()
