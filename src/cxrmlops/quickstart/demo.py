"""
The whole line on made-up films, in a copy of this checkout that git ignores.

`params.yaml` and `data/` of the checkout hold the real job and stay untouched.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cxrmlops.backlog.delivery import open_archive
from cxrmlops.promotion import approval_log
from cxrmlops.records.estimate import Estimate
from cxrmlops.records.metrics import Metrics
from cxrmlops.records.verdict import Verdict
from cxrmlops.system.errors import CxrError, RefusedError, Rejected
from cxrmlops.system.files import read_json, write_json
from cxrphantom.cohort import make_cohort

log = logging.getLogger(__name__)

STUDIES = 2000
BACKLOG_STUDIES = 24
IMAGE_SIDE = 384  # pixels, before the network's square
SEED = 20240131
CLOCK = "2024-01-31T02:00:00+00:00"  # fixed: two demos write the same bytes
MARK = ".made-by-demo"
MAKER = "demo (made-up person)"

# What differs from params.yaml, and only that: a network and films that two cores can
# train on in minutes, and gates that fit 300 test studies of an easy, made-up world.
PARAMS: dict[str, dict[str, Any]] = {
    "preprocess": {"size": 128},
    "validate": {"max_quarantined": 0.30},
    "split": {"train": 0.70, "val": 0.12, "test": 0.18},
    "train": {
        "weights": None,  # no photographs: it must run without a network
        "epochs": 15,
        "learning_rate": 1.0e-3,
        "stem_rate": 1.0,
        "ema_decay": 0.98,
    },
    "examine": {
        "studies": 150,
        "map_images": 24,
        "road_images": 24,
        "boxes": "data/raw/regions.csv",  # masks of what was planted
    },
    "gate": {
        "max_shortcut_excess": 0.10,  # 230 val studies: noise alone reaches .07
        "max_corner_concentration": 4.0,  # a corner is a cell of the 4 x 4 map
        "min_auc_lower": 0.85,
        "min_recall_asf_lower": 0.70,
        "min_recall_nsf_lower": 0.70,
        "min_high_sensitivity_lower": 0.85,
        "max_ece": 0.15,
        "min_subgroup_auc_lower": 0.70,
        "min_large_subgroup_auc_lower": 0.70,
        "min_test_studies": 300,
    },
    "promotion": {"clean_code": False},  # a changed checkout may have a look, too
    "score": {"settle_minutes": 0},
}
# Deeper ones do not come to life at the rate of these.
SHALLOW = ("resnet18", "resnet18_narrow", "resnet34")
DEEP_RATE = 3.0e-4
SITE = {
    "name": "demo",
    "institution": "Made-up Hospital",
    "source": "hospital",
    "films": "data/raw/films",
    "reports": "data/raw/reports.csv",
    "backlog": "data/raw/backlog",
    "archive": "folder:data/archive",
}


def run(
    *,
    folder: Path,
    architecture: str,
    studies: int,
    seed: int,
    bias: float,
    viewer: str = "",
) -> None:
    """Make films, train, approve, score a night; then say where to look.

    Killed and run again it goes on: finished films, stages and studies are kept.

    Args:
        folder: the copy; made if absent.
        architecture: any torchvision ResNet by name, or resnet18_narrow.
        studies: of the cohort; the night has `BACKLOG_STUDIES` more.
        seed: of the films; the same seed gives the same films, figures and reports.
        bias: how often the vendor follows the label, 0-1; the gate should see it.
        viewer: address of a viewer of the archive in CXR_RESULTS_ARCHIVE, which gets
            the night's films, too; "" none.

    Raises:
        CxrError: the folder holds other films, or a step failed.
    """
    _require_own(folder)
    copy_checkout(folder)
    write_settings(folder, architecture=architecture)
    make_image_files(folder / "data", studies=studies, seed=seed, bias=bias)
    _step(folder, sys.executable, "-m", "flows.train")
    verdict = Verdict.read(folder / "data" / Verdict.file)
    if verdict.passed:
        if verdict.bundle_hash != _in_use(folder):
            approve = (sys.executable, "-m", "cxrmlops.cli", "approve")
            why = ("--name", MAKER, "--reason", "demo: gates passed")
            _step(folder, *approve, *why)
        if viewer:
            store_images(folder / SITE["backlog"], os.environ["CXR_RESULTS_ARCHIVE"])
        _step(folder, sys.executable, "-m", "flows.score")
    log.info("%s", summary(folder, verdict, viewer=viewer))


def store_images(backlog: Path, address: str) -> None:
    """Store the night's films in an archive, as a modality does; some it refuses."""
    archive, refused = open_archive(address, source=SITE["archive"]), 0
    files = sorted(backlog.rglob("*.dcm"))
    for file in files:
        try:
            archive.store(file)
        except (RefusedError, Rejected):
            refused += 1
    log.info("demo: %d films in the archive, %d refused", len(files), refused)


def _in_use(folder: Path) -> str:
    """Return the bundle that an earlier demo approved here; "" none."""
    with contextlib.chdir(folder):  # no address can say every folder's name
        return approval_log.in_use(approval_log.entries("sqlite:///ledger.db"))


def _require_own(folder: Path) -> None:
    """Refuse to write over what no demo made; mark a new folder as ours."""
    there = folder.exists()
    known = (folder / MARK, folder / "data" / "made.json")  # the latter: of old demos
    if there and any(folder.iterdir()) and not any(path.exists() for path in known):
        raise CxrError(
            f"demo: {folder} holds files that no demo made and it would write over; "
            "name another place with --folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def copy_checkout(folder: Path) -> None:
    """Copy the files that git tracks here into `folder`, so that DVC sees its deps."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, check=False, text=True
    )
    if listed.returncode:
        raise CxrError(
            f"demo: {Path.cwd()} is no git checkout of cxrmlops; "
            "change to one and run `make demo` there"
        )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = Path(name), folder / name
        if source.is_file() and (
            not target.exists() or source.read_bytes() != target.read_bytes()
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    # The copy lies inside an ignored folder: DVC must not ask git about it.
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")


def make_image_files(data: Path, **asked: Any) -> None:
    """Make films and reports in data/raw, unless the same ones are there already."""
    raw, note = data / "raw", data / "made.json"
    asked |= {"backlog_studies": BACKLOG_STUDIES, "side": IMAGE_SIDE}
    there = (raw / "truth.csv").exists()
    if there and (not note.exists() or read_json(note) != asked):
        raise CxrError(
            f"demo: {raw} holds films of another demo (other seed, bias or number of "
            "studies); name another place with --folder, or remove this one"
        )
    if not (raw / "regions.csv").exists():  # demos of before had none
        write_json(note, asked)  # before the films: they come whole or not at all
        make_cohort(raw, **asked)


def write_settings(folder: Path, *, architecture: str) -> None:
    """Write the demo's params.yaml and site.yaml over the copied ones."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for section, changes in PARAMS.items():
        params[section] |= changes
    if architecture not in SHALLOW:
        params["train"]["learning_rate"] = DEEP_RATE
    params["train"]["architecture"] = architecture
    params["train"]["precision"] = "bf16-mixed" if has_bfloat16() else "32-true"
    site = yaml.safe_load((folder / "site.yaml").read_text()) | SITE
    for name, content in (("params.yaml", params), ("site.yaml", site)):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    log.info("demo: %s", describe(params))


def has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 itself, and trains twice as fast."""
    facts = Path("/proc/cpuinfo")
    words = facts.read_text().split() if facts.exists() else []
    return "avx512_bf16" in words or "amx_bf16" in words


def describe(params: Mapping[str, Any]) -> str:
    """Say in one line which of the demo's own numbers are in use."""
    return (
        f"{params['train']['architecture']} at {params['preprocess']['size']} pixels, "
        f"{params['train']['epochs']} epochs (the demo's own params.yaml; "
        "the real job: ResNet-152 at 512)"
    )


def summary(folder: Path, verdict: Verdict, *, viewer: str = "") -> str:
    """Return what came out, and where to look."""
    metrics = Metrics.read(folder / "data" / Metrics.file)

    def said(at: Estimate) -> str:
        return f"{at.value:.3f} ({at.low:.3f}-{at.high:.3f}), n = {at.n}"

    night = [
        f"  {folder}/data/report/reading_list.html   the night: films, maps, answers",
        f"  {viewer:<40} the night in OHIF"
        if viewer
        else f"  {folder}/data/archive/                   DICOM SR and overlays",
    ]
    lines = [
        "",
        f"network AUC    {said(metrics.figures['auc'])}",
        f"thumbnail AUC  {said(metrics.thumbnail['auc'])}, 16 x 16 pixels",
        "gate           "
        + (
            verdict.sentence
            if verdict.passed
            else f"{verdict.outcome}, so no night followed: "
            + "; ".join(verdict.reasons)
        ),
        "",
        "Where to look:",
        f"  {folder}/data/cohort/flow.svg            who is in, who is not, why",
        f"  {folder}/data/evaluate/report.html       figures, intervals, plots",
        f"  {folder}/data/examine/report.html        shortcuts, heat maps",
        f"  {folder}/data/gate/gate.html             every question of the gate",
        *(night if verdict.passed else []),
        f"  cd {folder} && mlflow ui                 compare runs (127.0.0.1:5000)",
        f"  cd {folder} && PREFECT_HOME=.prefect prefect server start   flows (:4200)",
    ]
    return "\n".join(lines)


def _step(folder: Path, *command: str) -> None:
    """Run one command in the copy; its own last words are on the screen already."""
    surroundings = {
        "CXR_CLOCK": CLOCK,
        "CXR_PSEUDONYM_KEY": "demo",
        "PREFECT_HOME": str((folder / ".prefect").resolve()),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DVC_NO_ANALYTICS": "1",
        "PYTHONPATH": str(folder.resolve()),
    }
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "CXR_LEDGER_URL")
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command, cwd=folder, env=clean | surroundings | {"PATH": path}, check=False
    )
    if done.returncode:
        raise CxrError(
            f"demo: `{' '.join(command[1:])}` failed in {folder}; its own message is "
            "just above; fix it and run `make demo` again, finished steps are kept"
        )
