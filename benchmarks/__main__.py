"""Run every benchmark, or the named ones: python -m benchmarks scoring training."""

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import torch

OUT = Path("bench/figures.json")
SCORING_TARGETS = {  # network input, precision -> part of the bare pass's speed
    (512, "fp32"): " (target >= .90)",
    (512, "bf16"): " (target >= .85)",
    (224, "fp32"): " (target >= .70)",
    (224, "bf16"): "",
}


def main() -> None:
    """Measure, print ratios as a table, keep the figures in bench/figures.json."""
    chosen = sys.argv[1:] or list(BENCHES)
    unknown = sorted(set(chosen) - set(BENCHES))
    if unknown:
        raise SystemExit(f"error: no benchmark {unknown}; there are {list(BENCHES)}")
    where = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"{platform.processor() or platform.machine()}, "
        f"{torch.get_num_threads()} threads, no GPU"
    )
    print(f"machine: {where}; torch {torch.__version__}\n")
    figures = {"machine": where} | {name: BENCHES[name]() for name in chosen}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")


def _scoring() -> dict[str, dict[str, float]]:
    from benchmarks import scoring

    figures = {}
    for (size, precision), target in SCORING_TARGETS.items():
        at = figures[f"{size} {precision}"] = scoring.measure(size, precision)
        print(
            f"a night of {scoring.IMAGE_SIDE}-pixel films, network input {size}, "
            f"{precision}:\n"
            f"  ours {at['ours']:.2f} images/s, bare forward {at['bare']:.2f}: "
            f"ratio {at['ratio']:.2f}{target}"
        )
        for name in scoring.SCRIPTS:
            print(f"  against {name} {at[name]:.2f}: {at['ours'] / at[name]:.1f} x")
        print(f"  {at['once']:.1f} s once a night")
        for name, value in at.items():
            if name.startswith("cpu_"):
                print(f"  {value:7.3f} CPU s per film: {name.removeprefix('cpu_')}")
            elif ": " in name:
                print(f"  {value:7.1f} ms per film, {name}")
    return figures


def _memory() -> dict[str, dict[str, float]]:
    from benchmarks import memory

    return memory.measure()


def _training() -> dict[str, float]:
    from benchmarks import training_step

    return training_step.measure()


def _checkpoint() -> dict[str, float]:
    from benchmarks import checkpoint

    return checkpoint.measure()


def _no_op() -> dict[str, float]:
    from benchmarks import no_op

    figures = no_op.measure()
    print(f"nothing to do, {no_op.IMAGES:,} images:")
    print(f"  dvc repro {figures['dvc_repro_no_op']:.2f} s (target < 3 s)")
    print(f"  cxrmlops --help {figures['help']:.2f} s (target < 0.5 s)\n")
    return figures


def _startup() -> dict[str, dict[str, float]]:
    from benchmarks import startup

    figures = startup.measure()
    print(f"start-up, median of {startup.REPEATS}:")
    startup.show(figures)
    print("  (targets: one film <= 4 s and 700 MiB, empty night <= 10 s)\n")
    return figures


BENCHES: dict[str, Callable[[], dict]] = {
    "scoring": _scoring,
    "memory": _memory,
    "training": _training,
    "checkpoint": _checkpoint,
    "no_op": _no_op,
    "startup": _startup,
}

if __name__ == "__main__":
    main()
