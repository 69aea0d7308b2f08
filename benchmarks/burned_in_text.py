"""
How many words drawn into films the reader finds, and how many films it holds for none.

    python -m benchmarks.burned_in_text FOLDER [N]

FOLDER holds JPEG or PNG films, of which N (300) are drawn by lot. Into each goes a
made-up name, number or date, 8 to 24 pixels high, 40, 80 or 160 grey levels from what
lies below.
"""

import random
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxrmlops.evaluation.statistics.intervals import wilson
from cxrmlops.export.burned_in_text import suspicious_words

FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
FIRST = (
    *("Anna", "Peter", "Maria", "John", "Xiaodong", "Fatima", "Olga", "Jose"),
    *("Emily", "Hans"),
)
LAST = (
    *("Mueller", "Smith", "Garcia", "Wang", "Ivanova", "Khan", "Nakamura", "Oconnor"),
    *("Rossi", "Berg"),
)
SIZES, CONTRASTS = (8, 10, 12, 16, 24), (40, 80, 160)  # pixels, grey levels


def main() -> None:
    """Print the shares of films that are held, with and without words."""
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    files = sorted(
        path
        for path in Path(sys.argv[1]).rglob("*")
        if path.suffix in (".jpg", ".jpeg", ".png")
    )
    rng = random.Random(43)
    some = rng.sample(files, int(sys.argv[2]) if sys.argv[2:] else 300)
    rows = [_one(path, rng) for path in some]
    print("| what | films | share (95 %) |\n|---|---|---|")
    _line("held without words", [clean for clean, _, _ in rows])
    _line("words found", [found for _, found, _ in rows])
    _line("... in films not held before", [found for c, found, _ in rows if not c])
    for size in SIZES:
        _line(f"... {size} pixels high", [f for _, f, at in rows if at == size])


def _one(path: Path, rng: random.Random) -> tuple[bool, bool, int]:
    """Say whether a film is held as it is, and with words; and their size."""
    with Image.open(path) as picture:
        film = picture.convert("L")
    held = bool(suspicious_words([np.asarray(film)]))
    size = rng.choice(SIZES)
    _draw(film, _words(rng), size, rng)
    return held, bool(suspicious_words([np.asarray(film)])), size


def _words(rng: random.Random) -> str:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    year, month, day = rng.randint(1925, 2005), rng.randint(1, 12), rng.randint(1, 28)
    iso = f"{year}-{month:02d}-{day:02d}"
    return rng.choice(
        [
            f"{last.upper()}^{first.upper()}",
            f"{last}, {first}",
            iso,
            f"ID {rng.randint(10**5, 10**7)}",
            f"{first} {last} {iso}",
            f"{day:02d}.{month:02d}.{year}",
        ]
    )


def _draw(film: Image.Image, words: str, size: int, rng: random.Random) -> None:
    drawing, font = ImageDraw.Draw(film), ImageFont.truetype(FONT, size)
    left, top, right, bottom = map(round, drawing.textbbox((0, 0), words, font=font))
    width, height = right - left, bottom - top
    x = rng.randint(2, max(3, film.width - width - 2))
    y = rng.randint(2, max(3, film.height - height - 11))
    below = float(np.asarray(film)[y : y + height + 4, x : x + width].mean())
    contrast = rng.choice(CONTRASTS)
    grey = below + contrast if below + contrast <= 255 else max(below - contrast, 0)
    drawing.text((x, y), words, fill=int(grey), font=font)


def _line(name: str, held: list[bool]) -> None:
    if held:
        share = wilson(sum(held), len(held))
        shown = f"{share.value:.1%} ({share.low:.1%}-{share.high:.1%})"
        print(f"| {name} | {sum(held)} of {len(held)} | {shown} |")


if __name__ == "__main__":
    main()
