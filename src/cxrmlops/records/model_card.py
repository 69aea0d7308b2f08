"""The model card as the stage `evaluate` writes it, beside its page."""

from typing import ClassVar

from cxrmlops.records.estimate import Estimate
from cxrmlops.records.record import Part, Record


class CardFact(Part):
    """One line of the card."""

    section: str
    what: str
    said: str  # what is missing, where nothing is stated
    stated: bool = True


class ModelCard(Record):
    """What a person must know before using the weights beside it."""

    file: ClassVar[str] = "evaluate/card.json"

    name: str  # of the model
    bundle_hash: str  # 64 hex digits
    regulatory_status: str
    facts: tuple[CardFact, ...]
    gaps: tuple[str, ...]  # what is asked for and not stated
    figures: dict[str, Estimate]  # by name
