"""Invented patients: names, numbers, dates. Everything comes from the seed."""

import datetime as dt
import hashlib
from dataclasses import dataclass

import numpy as np
from pydicom.uid import UID

_FAMILY = (
    "Almeida, Berg, Björk, Castro, Dupré, Fernández, García, Hansen, Ito, Jiménez, "
    "König, Larsen, López, Moreau, Müller, Núñez, Olsen, Pérez, Rossi, Schäfer, "
    "Silva, Sørensen, Tanaka, Weber, Yañez, Zimmer"
)
_GIVEN = {
    "F": "Ana, Björg, Chloé, Elena, Ines, Josée, Maria, Noor, Renée, Zoë",
    "M": "André, Bruno, Emil, Hugo, João, Lars, Martín, Noah, René, Søren",
}
_WIDE = ("山田^太郎", "Sato^Yuki=佐藤^由紀", "Ελένη^Παππά")


@dataclass(frozen=True)
class Person:
    """One invented patient."""

    number: str  # PatientID
    family: str
    given: str
    sex: str  # F or M
    born: dt.date
    wide: str = ""  # a name that Latin-1 cannot write; "" for most

    def name(self, charset: str) -> str:
        """Write the name as far as `charset` can."""
        if self.wide and charset == "ISO_IR 192":
            return self.wide
        return f"{self.family}^{self.given}"

    def age(self, day: dt.date) -> float:
        """Age in years on `day`."""
        return (day - self.born).days / 365.25


def draw_person(
    rng: np.random.Generator, *, number: str, day: dt.date, child: bool = False
) -> Person:
    """Invent a patient who has a first film about `day`."""
    sex = str(rng.choice(["F", "M"]))
    age = rng.uniform(2, 14) if child else np.clip(rng.normal(56, 18), 19, 94)
    return Person(
        number=number,
        family=str(rng.choice(_FAMILY.split(", "))),
        given=str(rng.choice(_GIVEN[sex].split(", "))),
        sex=sex,
        born=day - dt.timedelta(days=int(age * 365.25)),
        wide=str(rng.choice(_WIDE)) if rng.random() < 0.04 else "",
    )


def made_uid(seed: int, *parts: object) -> UID:
    """Derive a UID from the seed and a name, under 2.25 (PS3.5 B.2)."""
    return UID(f"2.25.{_digest(seed, parts) >> 128}")


def made_number(seed: int, *parts: object, digits: int) -> str:
    """Derive a number of `digits` decimal digits from the seed and a name."""
    return str(_digest(seed, parts) % 10**digits).zfill(digits)


def _digest(seed: int, parts: tuple[object, ...]) -> int:
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
