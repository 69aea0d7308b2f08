"""What our objects say: who read, which films, which answer, in which words."""

import datetime as dt
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cxrmlops.records.model_identity import ModelIdentity
from cxrmlops.vocabulary.findings import Result, result

PRODUCT = "cxrmlops"
MANUFACTURER = "cxrmlops project"


@dataclass(frozen=True)
class Region:
    """A box on the upright picture, in fractions of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


# Where a number can stand beside its outline: viewers write it to the right, and what
# lies beyond their window cannot be read.
READABLE = Region(0.08, 0.08, 0.75, 0.76)
LUNGS = Region(0.16, 0.14, 0.75, 0.72)  # roughly, of any frontal film
BELOW_LUNGS = Region(0.16, 0.84, 0.5, 0.9)  # a second outline, clear of the others


@dataclass(frozen=True)
class ImageAnswer:
    """One film: scored, or the reason why not."""

    source: Dataset  # header without pixels
    probability: float | None  # of ASF, 0-1; None: not evaluable
    quality: str  # ok, limited or unusable
    reason: str = ""  # why it could not be evaluated
    region: Region = LUNGS  # where the number is shown: the most evidence, if there is


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

    @property
    def deciding(self) -> int:
        """Which film has the highest probability; the first if there is none."""
        known = [image.probability or 0.0 for image in self.images]
        return known.index(max(known))


_WORST_LAST = ("ok", "limited", "unusable")


def result_of(probability: float | None, model: ModelIdentity) -> Result | None:
    """Answer at both points; None when not evaluable."""
    if probability is None:
        return None
    return result(probability, model.balanced, model.high_sensitivity)


_SHORT = {
    Result.ABNORMAL: "ASF",
    Result.EQUIVOCAL: "indeterminate",
    Result.NORMAL: "NSF",
}


def headline(probability: float | None, model: ModelIdentity) -> str:
    """Say the answer in a few letters: lists of series cut the rest off."""
    known = result_of(probability, model)
    if known is None or probability is None:
        return "AI: not evaluable"
    return f"AI: {_SHORT[known]} {100 * probability:.0f} %"


def percent(fraction: float) -> float:
    """Turn a fraction into percent with two decimals, as reports show it."""
    return round(100 * fraction, 2)


@dataclass(frozen=True)
class Wording:
    """Sentences of a structured report in one language."""

    language: tuple[str, str]  # RFC 5646 code and its meaning
    tracking: str
    probability: str
    image_probability: str
    balanced: str
    high_sensitivity: str
    not_evaluable: str


@dataclass(frozen=True)
class ObjectReference:
    """An object in an archive, e.g. the report that a new one replaces."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
