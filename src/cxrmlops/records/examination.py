"""What the stage `examine` writes."""

from typing import ClassVar

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.record import Part, Record


class Probe(Part):
    """How well something beside the lung gives the label away, read on val."""

    name: str
    kind: str  # acquisition, person, outside or picture
    n: int  # studies
    auc: Estimate | None  # None: every film is alike
    excess: Estimate | None = None  # outside: AUC that it adds to the inside and person


class Inflation(Part):
    """How much of the AUC comes from differences between levels."""

    name: str  # of the attribute
    n: int  # studies
    inflation: Estimate | None  # AUC over that within the levels; None: one level


class SourceShare(Part):
    """How often the embedding tells where a film comes from."""

    name: str  # of the attribute
    n: int  # films
    share: Estimate | None  # told right; None: one level
    guess: float | None  # share that guessing reaches


class AnswerChange(Part):
    """How far answers move when only the way a film is shown or stored changes."""

    name: str  # of the change
    n: int  # studies
    median: float  # of the change of the probability, absolute
    p95: float
    auc_change: Estimate | None  # after less before; None: one class is absent


class MapFigures(Part):
    """What the checks of heat maps found, over films."""

    n_images: int
    grid: tuple[int, ...]  # cells down and across
    redrawn: dict[str, Estimate | None]  # part -> correlation after weights were drawn
    all_redrawn: Estimate | None  # absolute, mean over networks with all weights so
    repeated: dict[str, Estimate | None]  # change -> correlation with the map under it
    road: Estimate | None  # over a map that points nowhere, logit units
    corners: Estimate | None  # share of positive evidence over the share of area
    borders: Estimate | None


class BoxFigures(Part):
    """Maps beside the boxes that a radiologist drew, one side of the split."""

    split: str
    n_images: int
    n_patients: int
    area: Estimate | None = None  # share of the film in boxes
    pointing: Estimate | None = None  # how often the largest evidence lies in a box
    pointing_gain: Estimate | None = None  # over the share of the film in boxes
    inside: Estimate | None = None  # share of the coloured evidence in them
    inside_gain: Estimate | None = None  # likewise
    pixel_auc: Estimate | None = None  # of evidence, inside against outside
    iou: Estimate | None = None  # of boxes and cells above a level of other patients
    level: float | None = None  # best for all films, logits above the threshold


class Examination(Record):
    """Shortcuts, robustness, heat maps."""

    file: ClassVar[str] = "examine/examination.json"

    shortcuts: tuple[Probe, ...]
    inflation: tuple[Inflation, ...]
    told_apart: tuple[SourceShare, ...]
    robustness: tuple[AnswerChange, ...]
    maps: MapFigures
    boxes: tuple[BoxFigures, ...]
    n_val_studies: int
    n_drawn_studies: int  # what needs the network was read on them
    n_drawn_images: int
    bundle_hash: str  # 64 hex digits
    split_hash: str
