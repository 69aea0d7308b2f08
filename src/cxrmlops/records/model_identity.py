"""Which model read, as the stage `score` writes it and objects take it."""

from typing import ClassVar

from cxrmlops.records.record import Part, Record
from cxrmlops.vocabulary.findings import BALANCED, HIGH_SENSITIVITY, OperatingPoint


class ModelIdentity(Part):
    """Which model read, with everything a reader of a report may ask about it."""

    name: str
    bundle_hash: str  # SHA-256 of the bundle, 64 hex digits
    key: str  # what the ledger knows the model by
    architecture: str
    size: int  # pixels per side of the network's square
    preprocessing_hash: str
    temperature: float
    study_rule: str  # joins the films of a study
    operating_points: tuple[OperatingPoint, ...]
    # without these a chunk was scored by a version that knew no other
    pooling: str = "mean"  # of a map's cells into the logit
    cell_places: tuple[float, ...] = ()  # of a map, in pixels of the square
    precision: str = ""  # fp32, bf16, openvino bf16, ...; "" a version that told none

    @property
    def version(self) -> str:
        """The bundle's hash, shortened: registry numbers differ between sites."""
        return self.bundle_hash[:12]

    @property
    def version_told(self) -> str:
        """The version and, where it is known, the precision, for people."""
        return f"{self.version}, {self.precision}" if self.precision else self.version

    @property
    def reading_key(self) -> str:
        """What UIDs of objects are made from: other numbers are other objects.

        In 32 bit, and before there was a choice, it is the model's key.
        """
        exact = self.precision in ("", "fp32")
        return self.key if exact else f"{self.key}|{self.precision}"

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


class ScoringModel(ModelIdentity, Record):
    """The model that answered: objects are built without the bundle."""

    file: ClassVar[str] = "score/model.json"

    saliency_method: str  # what made the maps: evidence, or one of pytorch-grad-cam
