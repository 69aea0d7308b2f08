"""What the stage `train` writes beside bundle and tables."""

from typing import ClassVar

from cxrmlops.records.record import Record
from cxrmlops.records.split import SideCounts


class Training(Record):
    """How training went, and on what machine."""

    file: ClassVar[str] = "train/training.json"

    bundle_hash: str  # 64 hex digits
    seed: int  # of the first network; the others have the next ones
    networks: int = 1  # in the bundle
    epochs: int  # of all networks
    best_epochs: tuple[int, ...]  # of each, from 1, counted over all networks
    val_loss: float  # nats per study, of the bundle's answers, calibrated
    val_auc: float  # of studies
    device: str
    precision: str
    seconds: float
    images_per_second: float  # median over epochs
    n: dict[str, SideCounts]  # train, val
