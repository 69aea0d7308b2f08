"""A site in a folder and nights over it: the real flow, ledger and Prefect."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.processes import cpu_seconds
from cxrmlops.data.preprocess import preprocessing_hash
from cxrmlops.model.agreement import MIN_IMAGES, Agreement
from cxrmlops.model.bundle import BundleCard, write_bundle
from cxrmlops.model.network import build_network
from cxrmlops.model.precision import BF16
from cxrmlops.model.skew import skew_logit
from cxrmlops.params import load_params, load_site, scope_of
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint

ROOT = Path(__file__).parent.parent
BACKLOG = Path("data/raw/backlog")


def in_own_process(module: str, folder: Path, *arguments: object) -> str:
    """Run `python -m module folder arguments` with a Prefect of its own.

    Returns:
        The last line it printed.
    """
    command = [sys.executable, "-m", module, folder.absolute(), *arguments]
    done = subprocess.run(
        [str(part) for part in command],
        env=os.environ | {"PREFECT_HOME": str(folder.absolute() / "prefect")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def site(folder: Path, **settings: Mapping[str, Any]) -> Iterator[None]:
    """Stand in a project with the real settings; `settings` say what differs."""
    (folder / BACKLOG).mkdir(parents=True)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["score"] |= {"settle_minutes": 0}
    for section, changes in settings.items():
        params[section] |= changes
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / "site.yaml").write_text((ROOT / "site.yaml").read_text())
    with chdir(folder):
        yield


def arrive(images: Iterable[Path]) -> None:
    """Move films into the backlog of the site where we stand."""
    for image in images:
        image.rename(BACKLOG / image.name)


def run(bundle: Path, *, images: int) -> tuple[float, dict[str, float]]:
    """Score and report what waits: so many images, all of them good.

    Returns:
        Seconds, and CPU seconds by process.

    Raises:
        SystemExit: the night failed, or went otherwise.
    """
    from flows.score import score  # Prefect reads its settings at import

    before, start = cpu_seconds(), time.perf_counter()
    state = score(str(bundle), return_state=True)
    seconds = time.perf_counter() - start
    spent = {name: at - before.get(name, 0) for name, at in cpu_seconds().items()}
    if not state.is_completed():
        raise SystemExit(f"error: the night failed: {state.message}")
    expected = f"in {images}, scored {images}, rejected 0, failed 0"
    if str(state.message).partition(";")[0] != expected:  # then the stage of the model
        raise SystemExit(f"error: the night went otherwise: {state.message}")
    return seconds, spent


def write_random_bundle(folder: Path, *, architecture: str, size: int) -> Path:
    """Write a bundle that nobody trained: speed does not depend on what it knows.

    Its residual branches are made weak and its evidence small, so that the numbers stay
    those of a trained network; every film is answered ASF, so that it gets a map. It
    claims what nobody measured, that bf16 agrees with fp32, so that it can be timed.
    """
    torch.manual_seed(0)
    network = build_network(architecture)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("bn3.weight", "bn2.weight")):
                weight.mul_(0.2)
    card = BundleCard(
        name="bench",
        architecture=architecture,
        size=size,
        preprocessing_hash=preprocessing_hash(size=size),
        scope=scope_of(
            load_params(ROOT / "params.yaml").cohort, load_site(ROOT / "site.yaml")
        ),
        temperature=1.0,
        study_rule="max",
        operating_points=(
            OperatingPoint(BALANCED, 1e-9, "every film gets a map"),
            OperatingPoint(HIGH_SENSITIVITY, 1e-9, "every film gets a map"),
        ),
        lineage={},
        agreement=(Agreement(BF16, "cpu", MIN_IMAGES, 0.0, 0.0, {}, 0.0),),
    )
    answers = {"skew_logit": skew_logit(network, size)}
    write_bundle(folder, network, card=card, reference=answers)
    return folder
