"""Where the cells of an evidence map lie; plain numbers, without torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CellGrid:
    """Where the cells of a map look: cell i at `first + stride * i`, both axes.

    In pixels of the network's square, whose first pixel reaches from 0 to 1. Known
    from the network's layers: `model.receptive_field`.
    """

    stride: float
    first: float
