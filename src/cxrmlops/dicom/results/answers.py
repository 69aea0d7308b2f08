"""What our objects say: who read, which films, which answer, in which words."""

import datetime as dt
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cxrmlops.findings import (
    BALANCED,
    HIGH_SENSITIVITY,
    Finding,
    OperatingPoint,
    answer,
)

PRODUCT = "cxrmlops"
MANUFACTURER = "cxrmlops project"


@dataclass(frozen=True)
class ModelIdentity:
    """Which model read, with everything a reader of a report may ask about it."""

    name: str
    bundle_hash: str  # SHA-256 of the bundle, 64 hex digits
    key: str  # what derived UIDs are made from
    architecture: str
    size: int  # pixels per side of the network's square
    preprocessing_hash: str
    temperature: float
    study_rule: str
    operating_points: tuple[OperatingPoint, ...]

    @property
    def version(self) -> str:
        """The bundle's hash, shortened: registry numbers differ between sites."""
        return self.bundle_hash[:12]

    def point(self, name: str) -> OperatingPoint:
        """Return the operating point called `name`."""
        return next(p for p in self.operating_points if p.name == name)

    @property
    def balanced(self) -> OperatingPoint:
        """The point that decides the answer."""
        return self.point(BALANCED)

    @property
    def high_sensitivity(self) -> OperatingPoint:
        """The rule-out point: few abnormals are missed."""
        return self.point(HIGH_SENSITIVITY)


@dataclass(frozen=True)
class FilmAnswer:
    """One film: scored, or the reason why not."""

    source: Dataset  # header without pixels
    probability: float | None  # of ASF, 0-1; None: not evaluable
    quality: str  # ok, limited or unusable
    reason: str = ""  # why it could not be evaluated


@dataclass(frozen=True)
class StudyAnswer:
    """One study: its films and the answer that the study rule makes of them.

    `films` holds the scored films; if none could be scored, those that were refused.
    """

    films: tuple[FilmAnswer, ...]
    probability: float | None  # of ASF, 0-1, joined by the study rule
    analysed_at: dt.datetime  # start of the analysis, with its offset
    files: tuple[str, ...] = ()  # of the study: content and reason, also those left out

    @property
    def quality(self) -> str:
        """The worst quality among the films."""
        return max((film.quality for film in self.films), key=_WORST_LAST.index)

    @property
    def reason(self) -> str:
        """Why there is no answer: the first film's reason; "" if there is one."""
        return next((film.reason for film in self.films if film.reason), "")


_WORST_LAST = ("ok", "limited", "unusable")


def finding_of(probability: float | None, model: ModelIdentity) -> Finding | None:
    """Answer at the balanced point; None when not evaluable."""
    return None if probability is None else answer(probability, model.balanced)


def percent(fraction: float) -> float:
    """Turn a fraction into percent with two decimals, as reports show it."""
    return round(100 * fraction, 2)


@dataclass(frozen=True)
class Wording:
    """Sentences of a structured report in one language."""

    language: tuple[str, str]  # RFC 5646 code and its meaning
    tracking: str
    probability: str
    balanced: str
    high_sensitivity: str
    quality: str


@dataclass(frozen=True)
class ObjectReference:
    """An object in an archive, e.g. the report that a new one replaces."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
