"""A figure with its 95 % interval, as every record writes it."""

from pydantic import FiniteFloat

from cxrmlops.records.record import Part


class Estimate(Part):
    """A figure with its 95 % interval; where one end is unknown there is none."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    n: int  # studies, or films, in its denominator

    @property
    def limits(self) -> tuple[float, float, float]:
        """Return value, lower and upper end, as plots take them."""
        return self.value, self.low, self.high
