"""
Made-up answers of a network of known AUC, about studies of a made-up hospital.

Abnormal studies score normal with mean d and variance 1, normal ones with mean 0, so
that the AUC of any group of them is the mean of Phi(d / sqrt 2) over its abnormal
studies. 0.3 of the variance belongs to the patient. Mix of the source study: 51 % ASF,
1.2 studies a patient; the rest of the mix is assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

Floats = np.ndarray
ASF_SHARE = 0.506
OF_PATIENT = 0.3  # of a score's variance
VENDORS = {"A": 0.45, "B": 0.27, "C": 0.16, "D": 0.08, "E": 0.04}
KINDS = {  # of ASF studies, by their first finding; every third shows another, too
    "opacity": 0.20,
    "effusion": 0.18,
    "cardiomegaly": 0.14,
    "atelectasis": 0.12,
    "consolidation": 0.09,
    "nodule": 0.07,
    "edema": 0.05,
    "fracture": 0.045,
    "hilar": 0.035,
    "pneumothorax": 0.03,
    "emphysema": 0.02,
    "foreign_object": 0.02,
}
MILD = {
    kind: 0.93 + 0.06 * place / (len(KINDS) - 1) for place, kind in enumerate(KINDS)
}
REALISTIC = dict.fromkeys(KINDS, 0.96) | {
    "effusion": 0.988,
    "edema": 0.985,
    "consolidation": 0.975,
    "nodule": 0.917,
    "hilar": 0.913,
    "fracture": 0.894,
}
BADLY_READ = 0.80


@dataclass(frozen=True)
class World:
    """How well a network reads whom."""

    name: str
    auc: float  # over all studies; d of all is moved until it is that
    kinds: Mapping[str, float] = field(default_factory=dict, hash=False)
    views: Mapping[str, float] = field(default_factory=dict, hash=False)
    bad: tuple[str, str] = ("", "")  # column and level read at BADLY_READ
    vendor_bonus: float = 0.0  # score of all vendors but A, which ASF seldom have
    later: float = 0.0  # logits by which test lies above val
    leak: float = 0.0  # share of test's patients that are in val, too


def draw(world: World, n: int, rng: np.random.Generator, *, move: float) -> Floats:
    """Make n studies: STUDIES columns that figures need, and `logit`.

    Args:
        world: how they are read.
        n: studies.
        rng: of everything.
        move: of d, from `moved`.
    """
    rows = _studies(world, n, rng)
    own = np.sqrt(1 - OF_PATIENT) * rng.normal(size=n)
    patient = rng.normal(size=n)[rows.patient_id] * np.sqrt(OF_PATIENT)
    bonus = world.vendor_bonus * (rows.manufacturer != "A")
    d, is_bad = _read(world, rows)
    above = rows.abnormal * np.where(is_bad, _d(BADLY_READ), d + move)
    score = above + own + patient + bonus
    thumbnail = rows.abnormal * 0.95 + 0.3 * own + 0.95 * rng.normal(size=n)  # AUC .75
    return rows.assign(logit=1.6 * score - 1.2, thumbnail=thumbnail)  # uncalibrated


def moved(world: World, *, n: int = 100_000) -> float:
    """Return by how much d is moved, so that the AUC over all studies is the world's.

    Raises:
        ValueError: no move gives that AUC.
    """
    rows = _studies(world, n, np.random.default_rng(0))
    apart = (rows.manufacturer != "A").to_numpy() * world.vendor_bonus
    asf = rows.abnormal.to_numpy()
    levels, counts = np.unique(apart[~asf], return_counts=True)
    d, is_bad = _read(world, rows[asf])

    def excess(move: float) -> float:
        at = np.where(is_bad, _d(BADLY_READ), d + move) + apart[asf]
        each = norm.cdf((at[:, None] - levels) / np.sqrt(2)) @ (counts / counts.sum())
        return float(each.mean()) - world.auc

    return float(brentq(excess, -3, 6))


def _read(world: World, rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return d of each study before the move, and which are read badly whatever it."""
    listed, of = np.unique(rows.findings.to_numpy(str), return_inverse=True)
    by_kind = np.array([world.kinds.get(w.split("|")[0], 0.96) for w in listed])[of]
    by_view = rows.view.map(lambda view: world.views.get(view, 0.96))
    d = _d(by_kind) + _d(by_view) - _d(0.96)
    column, level = world.bad
    if column == "findings":
        return d, np.array([level in words.split("|") for words in listed])[of]
    return d, (rows[column] == level).to_numpy() if column else np.zeros(len(d), bool)


def _d(auc: object) -> Floats:
    return np.sqrt(2) * norm.ppf(np.asarray(auc, dtype=np.float64))


def _studies(world: World, n: int, rng: np.random.Generator) -> pd.DataFrame:
    sizes = rng.choice([1, 2, 3], size=n, p=[0.85, 0.10, 0.05])
    patient = np.repeat(np.arange(n), sizes)[:n]
    tendency = 0.7 * rng.normal(size=n)[patient] + 0.714 * rng.normal(size=n)
    asf = tendency < norm.ppf(ASF_SHARE)
    bedside = rng.random(n) < np.where(asf, 0.45, 0.20)
    portable = np.where(bedside & (rng.random(n) < 0.6), "yes", "no")
    return pd.DataFrame(
        {
            "patient_id": patient,
            "abnormal": asf,
            "sex": rng.choice(["F", "M"], size=n)[patient],
            "age_years": rng.integers(18, 95, size=n)[patient],
            "view": _some_unknown(np.where(bedside, "AP", "PA"), rng),
            "portable": _some_unknown(portable, rng),
            "manufacturer": _vendors(world, asf, rng),
            "source": "hospital",
            "year": rng.choice([2017, 2018], size=n),
            "n_images": rng.choice([1, 2], size=n, p=[0.75, 0.25]),
            "findings": _findings(asf, rng).astype(object),
        }
    )


def _some_unknown(words: Floats, rng: np.random.Generator) -> Floats:
    return np.where(rng.random(len(words)) < 0.025, "unknown", words)


def _vendors(world: World, asf: Floats, rng: np.random.Generator) -> Floats:
    names, shares = list(VENDORS), list(VENDORS.values())
    drawn = rng.choice(names, size=len(asf), p=shares)
    if not world.vendor_bonus:
        return drawn
    others = rng.choice(names[1:], size=len(asf), p=np.array(shares[1:]) / 0.55)
    return np.where(rng.random(len(asf)) < np.where(asf, 0.05, 0.80), "A", others)


def _findings(asf: Floats, rng: np.random.Generator) -> Floats:
    names, shares = list(KINDS), list(KINDS.values())
    first, second = rng.choice(names, size=(2, len(asf)), p=shares)
    both = (rng.random(len(asf)) < 1 / 3) & (first != second)
    listed = np.where(both, np.char.add(np.char.add(first, "|"), second), first)
    return np.where(asf, listed, "")
