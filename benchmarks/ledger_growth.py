"""
What the ledger takes for a night of n new studies, and how that grows with n.

    python -m benchmarks.ledger_growth 1000 10000 [--url postgresql://user@host/database]

Without an address a new SQLite file is used for each size. A database that is named is
emptied first, so it must hold no table but a ledger's with `ledger_growth` in its name.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from cxrmlops.backlog import leases, ledger, progress
from cxrmlops.backlog.database import now, open_database, transaction
from cxrmlops.backlog.folder_scan import BacklogImage, known_images, note_images
from cxrmlops.backlog.progress import Answer, Written

MODEL, CHUNK = "model", 32
OURS, CLAIMS = "ledger_growth", "claim all"
Figures = dict[str, float]


def main() -> None:
    """Print seconds of each step by number of studies, and the power they grow by."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("studies", type=int, nargs="+")
    parser.add_argument("--url", help=f"PostgreSQL database with {OURS} in its name")
    asked = parser.parse_args()
    measured = {n: measure(n, asked.url) for n in sorted(asked.studies)}
    sizes = list(measured)
    print("| step, s | " + " | ".join(f"{n:,}" for n in sizes) + " | power of n |")
    print("|---" * (len(sizes) + 2) + "|")
    for step in measured[sizes[0]]:
        values = [measured[n][step] for n in sizes]
        shown = " | ".join(f"{value:.2f}" for value in values)
        print(f"| {step} | {shown} | {_power(sizes, values)} |")


def measure(n: int, url: str | None) -> Figures:
    """Take one night of n studies with one film each through an empty ledger.

    Args:
        n: studies.
        url: a PostgreSQL database that is emptied first; None: a new SQLite file.

    Returns:
        Seconds of each step, and bytes that a study takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        engine = open_empty(url) if url else open_database(f"sqlite:///{file}")
        films = list(made_up(n))
        places = [film.place for film in films]
        arrived = {film.study_uid: [film] for film in films}
        figures: Figures = {CLAIMS: 0.0}
        steps: dict[str, Callable[[], object]] = {
            "note files": lambda: note_images(engine, films),
            "read known files": lambda: known_images(engine, places),
            "enter new": lambda: ledger.enter(engine, arrived, model_key=MODEL),
            "score and deliver": lambda: _deliver_all(engine, figures),
            "enter again": lambda: ledger.enter(engine, arrived, model_key=MODEL),
        }
        for name, step in steps.items():
            with _timed(figures, name):
                step()
        figures["score and deliver"] -= figures[CLAIMS]
        figures["bytes a study / 1000"] = _bytes(engine, file) / n / 1000
        engine.dispose()
    return figures


def made_up(n: int) -> Iterator[BacklogImage]:
    """Give n films, each of a study of its own, with UIDs as long as real ones."""
    for number in range(n):
        uid = f"1.2.826.0.1.3680043.8.498.{number:039d}"
        place = f"2026/11/{number % 28:02d}/{uid}.dcm"
        content = f"{number:064x}"
        yield BacklogImage(place, 8_000_000, number, f"{uid}.1", uid, "p", content, 1.0)


def open_empty(url: str) -> Engine:
    """Open a database of ours without any row.

    Raises:
        SystemExit: its name does not say that it may be emptied.
    """
    if OURS not in (make_url(url).database or ""):
        raise SystemExit(f"error: a database without {OURS} in its name is not emptied")
    engine = open_database(url)
    with transaction(engine) as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return open_database(url)


def _deliver_all(engine: Engine, figures: Figures) -> None:
    while True:
        began = time.perf_counter()
        chunk = leases.claim(
            engine, model_key=MODEL, size=CHUNK, run="night", started=now()
        )
        figures[CLAIMS] += time.perf_counter() - began
        if chunk is None:
            return
        uids = [study.study_uid for study in chunk.studies]
        progress.record_scored(engine, chunk, {uid: _answer(uid) for uid in uids})
        made = [Written(f"{uid}.2", "report", uid, f"{uid}.3", "1.2") for uid in uids]
        progress.record_written(engine, chunk, made)
        for one in made:
            progress.record_receipt(engine, chunk, one.uid, "stored")
        progress.finish(engine, chunk)


def _answer(uid: str) -> Answer:
    image = {"path": f"{uid}.dcm", "outcome": "scored", "sop_class_uid": "1.2"}
    study = {"outcome": "scored", "model_key": MODEL, "probability": 0.5}
    return Answer("scored", "", {"images": [image], "study": study})


@contextmanager
def _timed(figures: Figures, name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - began


def _bytes(engine: Engine, file: Path) -> float:
    if engine.dialect.name == "sqlite":
        with transaction(engine) as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            size = connection.execute(text("PRAGMA page_size")).scalar_one()
        return float(pages * size)
    with transaction(engine) as connection:
        asked = text("SELECT pg_database_size(current_database())")
        return float(connection.execute(asked).scalar_one())


def _power(sizes: list[int], values: list[float]) -> str:
    """Return the exponent between the two largest sizes."""
    if len(sizes) < 2:
        return ""
    grown = math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])
    return f"{grown:.2f}"


if __name__ == "__main__":
    main()
