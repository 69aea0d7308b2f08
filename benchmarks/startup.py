"""
What a command costs before it does its work: one film, a night with nothing to read.

An untrained ResNet-18 reads one made-up film; where there is little to do, loading is
most of it. Processor time is that of the command and of what it waited for, memory that
of its largest process.

    python -m benchmarks startup
    python -m benchmarks.startup CHECKOUT   # code of another checkout, same packages
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import night
from cxrphantom.reference import reference_datasets

FOLDER = Path("bench/startup")
REPEATS = 3
SIDE, SIZE = 256, 128  # pixels of the film, and of the network
COMMANDS = {
    "help": ("cxrmlops.cli", "--help"),
    "one film": (
        "cxrmlops.cli",
        "score",
        "film.dcm",
        "--out",
        "out",
        "--model",
        "bundle",
    ),
    "empty night": ("flows.score", "--model", "bundle"),
}
LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
Surroundings = dict[str, str]
LOADED = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)  # microseconds, its own


def measure(checkout: Path = night.ROOT) -> dict[str, dict[str, float]]:
    """Run each command `REPEATS` times, and once more to see what it loads.

    Args:
        checkout: whose code is run, with the packages of this Python.

    Returns:
        Per command: medians of `wall` and `cpu` in seconds and `peak_mib`, and the
        share of its time that loading takes, `imports`, without workers.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    with night.site(FOLDER / "site"):
        folder = Path.cwd()
        night.write_random_bundle(folder / "bundle", architecture="resnet18", size=SIZE)
        reference_datasets(1, side=SIDE)[0].save_as(
            "film.dcm", enforce_file_format=True
        )
        paths = f"{checkout}{os.pathsep}{checkout / 'src'}"
        surroundings = os.environ | {
            "PYTHONPATH": paths,
            "PREFECT_HOME": str(folder / "prefect"),
            "CXR_PSEUDONYM_KEY": "bench",
        }
        return {
            name: _figures(command, surroundings) for name, command in COMMANDS.items()
        }


def _figures(command: tuple[str, ...], surroundings: Surroundings) -> dict[str, float]:
    _run(command, surroundings)  # databases are made, bytecode is written
    runs = [_run(command, surroundings) for _ in range(REPEATS)]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return figures | {"imports": _share_of_imports(command, surroundings)}


def _run(command: tuple[str, ...], surroundings: Surroundings) -> dict[str, float]:
    shutil.rmtree("out", ignore_errors=True)
    start = time.perf_counter()
    # from a small process: memory of the one that starts a program counts as its own
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, sys.executable, "-m", *command],
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - start
    cpu, peak_kib = map(float, done.stdout.splitlines()[-1].split())
    return {"wall": wall, "cpu": cpu, "peak_mib": peak_kib / 1024}


def _share_of_imports(command: tuple[str, ...], surroundings: Surroundings) -> float:
    shutil.rmtree("out", ignore_errors=True)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *command],
        env=surroundings | {"CXR_WORKERS": "0"},  # what they load is not told apart
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    return sum(map(int, LOADED.findall(done.stderr))) / 1e6 / seconds


def show(figures: dict[str, dict[str, float]]) -> None:
    """Print a line for each command."""
    for name, at in figures.items():
        print(
            f"  {name:12} {at['wall']:5.1f} s, {at['cpu']:5.1f} s of a processor, "
            f"{at['peak_mib']:5.0f} MiB, {at['imports']:.0%} of it imports"
        )


if __name__ == "__main__":
    show(measure(Path(sys.argv[1]).absolute()))
