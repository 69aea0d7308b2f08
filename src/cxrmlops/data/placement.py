"""Where a film lies in the square that the network sees."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Placement:
    """Where a film lies in the network's square."""

    top: int  # rows above the film
    left: int  # columns left of it
    height: int  # of the film in the square
    width: int
    size: int  # side of the square
    rows: int  # of the film, square pixels
    columns: int

    def to_json(self) -> str:
        """Write all fields as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Placement":
        """Read what `to_json` wrote."""
        return cls(**json.loads(line))


def placed(rows: int, columns: int, *, size: int) -> Placement:
    """Say where a film of so many pixels lies in a square of this side."""
    height, width = fitted(rows, columns, size)
    top, left = (size - height) // 2, (size - width) // 2
    return Placement(top, left, height, width, size, rows, columns)


def fitted(rows: int, columns: int, side: int) -> tuple[int, int]:
    """Return height and width of a film whose longest side is brought to `side`."""
    scale = side / max(rows, columns)
    return max(1, round(rows * scale)), max(1, round(columns * scale))
