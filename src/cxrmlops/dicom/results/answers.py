"""What our objects say: who read, which films, which answer, in which words."""

import datetime as dt
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.vocabulary.findings import (
    Finding,
    answer,
)

PRODUCT = "cxrmlops"
MANUFACTURER = "cxrmlops project"


@dataclass(frozen=True)
class ImageAnswer:
    """One film: scored, or the reason why not."""

    source: Dataset  # header without pixels
    probability: float | None  # of ASF, 0-1; None: not evaluable
    quality: str  # ok, limited or unusable
    reason: str = ""  # why it could not be evaluated


@dataclass(frozen=True)
class StudyAnswer:
    """One study: its films and the answer that the study rule makes of them.

    `images` holds the scored films; if none could be scored, those that were refused.
    """

    images: tuple[ImageAnswer, ...]
    probability: float | None  # of ASF, 0-1, joined by the study rule
    analysed_at: dt.datetime  # start of the analysis, with its offset
    files: tuple[str, ...] = ()  # of the study: content and reason, also those left out

    @property
    def quality(self) -> str:
        """The worst quality among the films."""
        return max((image.quality for image in self.images), key=_WORST_LAST.index)

    @property
    def reason(self) -> str:
        """Why there is no answer: the first film's reason; "" if there is one."""
        return next((image.reason for image in self.images if image.reason), "")


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
