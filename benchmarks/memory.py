"""
Memory of a night by the length of its backlog.

The same 100 made-up films come again and again under new UIDs, read by a small network
that nobody trained; the archive counts what it gets and throws it away. What is real:
flow, ledger, Prefect, worker processes, every report and overlay on disk.

    python -m benchmarks.memory FOLDER STUDIES
"""

import io
import json
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

from pydicom.dataset import Dataset

from benchmarks import night
from benchmarks.processes import peak_mib
from cxrphantom.reference import reference_datasets

FOLDER = Path("bench/memory")
STUDIES = (100, 1_000, 10_000)
PAYLOADS, SIDE, SIZE = 100, 128, 64  # films, their pixels, the network's pixels
SETTINGS = {"report": {"picture_side": 256, "fhir": False}}


class Discard:
    """An archive that counts what it gets and keeps nothing."""

    def __init__(self) -> None:
        self.stored = 0

    def check(self) -> None:
        """Be there."""

    def has(self, file: Path) -> bool:
        """Know nothing."""
        return False

    def store(self, file: Path) -> str:
        """Count one file."""
        self.stored += 1
        return "discarded"


def measure() -> dict[str, dict[str, float]]:
    """Measure every length of backlog in a process of its own; print a line for each.

    Returns:
        Per number of studies: peak MiB by process, seconds, MB of results per study.
    """
    figures = {}
    for studies in STUDIES:
        shutil.rmtree(FOLDER, ignore_errors=True)
        said = night.in_own_process("benchmarks.memory", FOLDER, studies)
        figures[str(studies)] = at = json.loads(said)
        print(f"memory, {studies:,} studies: {at}")
    first, last = (figures[str(studies)] for studies in (STUDIES[0], STUDIES[-1]))
    for process in ("flow", "workers"):
        growth = last[process] / first[process] - 1
        print(f"  {process}: {growth:+.1%} (target: within 10 %)")
    shutil.rmtree(FOLDER, ignore_errors=True)  # gigabytes
    return figures


def main() -> None:
    """Work through one night in the folder given; print its figures as one line."""
    folder, studies = Path(sys.argv[1]), int(sys.argv[2])
    archive = Discard()
    with redirect_stdout(sys.stderr):
        bundle = night.write_random_bundle(
            folder / "bundle", architecture="resnet18", size=SIZE
        )
        with night.site(folder / "site", **SETTINGS):
            _write_images(night.BACKLOG, studies)
            from flows import chunk as chunk_file

            with patch.object(chunk_file, "open_archive", lambda *_, **__: archive):
                seconds, _ = night.run(bundle, images=studies)
            peaks = peak_mib()
            page = Path("data/report/reading_list.html").stat().st_size
    if archive.stored != 2 * studies:
        raise SystemExit(f"error: {archive.stored} objects of {studies} studies")
    figures = peaks | {"seconds": seconds, "page_mb": page / 1e6}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def _write_images(folder: Path, studies: int) -> None:
    """Write the payloads in turn; UIDs are replaced in the bytes, all equally long."""
    made = reference_datasets(min(PAYLOADS, studies), side=SIDE)
    payloads = [_bytes(image) for image in made]
    for number in range(studies):
        content = payloads[number % len(payloads)]
        for old in (1, 2, 3):  # study, series, image
            content = content.replace(_uid(old, 0), _uid(old, number + 1))
        (folder / f"{number:06d}.dcm").write_bytes(content)


def _bytes(image: Dataset) -> bytes:
    image.StudyInstanceUID = _uid(1, 0).decode()
    image.SeriesInstanceUID = _uid(2, 0).decode()
    image.SOPInstanceUID = _uid(3, 0).decode()
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _uid(kind: int, number: int) -> bytes:
    return b"2.25.%d%09d" % (kind, number)


if __name__ == "__main__":
    main()
