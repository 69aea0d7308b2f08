"""A night in a page of Markdown, as Prefect shows it: counts, and nobody's name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxrmlops.reporting.markdown_table import table
from cxrmlops.vocabulary.reasons import reason_sentence

PARTS = ("scored", "rejected", "failed", "waiting")


@dataclass(frozen=True)
class NightFacts:
    """What is told of a night."""

    date: str  # at the site
    ended: str  # one sentence: how, and what to do
    studies: Mapping[str, int]  # `in` and what it is the sum of
    files: Mapping[str, int]  # likewise
    rejected: Mapping[str, int]  # code of the reason -> studies
    failed: Mapping[str, int]  # reason -> studies
    model: str  # name, version, part of its hash
    seconds: float  # from begin to end
    reading_list: str  # path on the machine that reads; "" none was written
    picture: str = field(default="", repr=False)  # data URL of a made-up film with map


def night_text(night: NightFacts) -> str:
    """Write counts that balance, reasons, model, speed and the way to the result."""
    counts = night.studies
    parts = [*PARTS, *(name for name in counts if name not in ("in", *PARTS))]
    total = " + ".join(f"{name} {counts.get(name, 0)}" for name in parts)
    lines = [
        f"# Night {night.date}: {counts['in']} studies",
        "",
        night.ended,
        "",
        f"**in {counts['in']} = {total}**",
        "",
        *table(
            ("", "studies", "files"),
            [[n, counts.get(n, 0), night.files.get(n, 0)] for n in ("in", *parts)],
        ),
        "",
        *_reasons(night),
        f"* Model: {night.model}",
        f"* {_speed(night)}",
        f"* Reading list: {_place(night.reading_list)}",
        "",
    ]
    if night.picture:
        lines += [
            "## What the model points at, on a made-up film",
            "",
            f"![evidence map on a made-up film]({night.picture})",
        ]
    return "\n".join(lines) + "\n"


def _reasons(night: NightFacts) -> list[str]:
    why = [
        ["rejected", n, reason_sentence(reason, "en")]
        for reason, n in sorted(night.rejected.items())
    ] + [["failed", n, reason] for reason, n in sorted(night.failed.items())]
    return [*table(("", "studies", "why"), why), ""] if why else []


def _speed(night: NightFacts) -> str:
    answered = night.studies.get("scored", 0) + night.studies.get("rejected", 0)
    minutes = night.seconds / 60
    per_minute = answered / minutes if minutes else 0.0
    return f"Took {minutes:.1f} min; {per_minute:.1f} studies/min"


def _place(path: str) -> str:
    if not path:
        return "none, no study was answered"
    return f"`{path}`, to be opened on that machine: it holds accession numbers"
