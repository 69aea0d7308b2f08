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


def in_words(figure: Estimate | None, *, n: bool = True) -> str:
    """Write value and interval as people read them, or that there is none.

    Args:
        figure: None: it could not be computed, or too few were there.
        n: name the size of the sample, too.
    """
    if figure is None:
        return "not assessed"
    # + 0.0: what rounds to nothing has no sign
    value, low, high = (round(number, 3) + 0.0 for number in figure.limits)
    said = f"{value:.3f} ({low:.3f} to {high:.3f})"
    return f"{said}, n = {figure.n}" if n else said
