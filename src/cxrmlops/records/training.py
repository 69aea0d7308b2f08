"""What the stage `train` writes beside bundle and tables."""

from typing import ClassVar

from cxrmlops.records.record import Record
from cxrmlops.records.split import SideCounts


class Training(Record):
    """How training went, and on what machine."""

    file: ClassVar[str] = "train/training.json"

    bundle_hash: str  # 64 hex digits
    seed: int
    epochs: int
    best_epoch: int  # from 1
    val_loss: float  # of the best epoch
    val_auc: float
    device: str
    precision: str
    seconds: float
    images_per_second: float  # median over epochs
    n: dict[str, SideCounts]  # train, val
