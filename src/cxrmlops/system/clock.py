"""The time at the site, and when a line of progress is due.

CXR_CLOCK fixes the time, so that a rerun gives the same bytes.
"""

import os
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cxrmlops.system.errors import ParamsError

PROGRESS_SECONDS = 5.0  # between two lines of progress, at least


def now(time_zone: str) -> datetime:
    """Return the time at the site, with its offset, in whole seconds.

    Args:
        time_zone: IANA name, as in site.yaml.

    Raises:
        ParamsError: an unknown zone, or CXR_CLOCK is no ISO 8601 time.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ParamsError(
            f"site.yaml: time_zone '{time_zone}' is unknown; give an IANA name such as "
            "Europe/Berlin or Asia/Shanghai"
        ) from None
    fixed = os.environ.get("CXR_CLOCK")
    try:
        moment = datetime.fromisoformat(fixed) if fixed else datetime.now(UTC)
    except ValueError:
        raise ParamsError(
            "CXR_CLOCK is no time; give ISO 8601 such as 2024-01-31T02:00:00+00:00, "
            "or unset it"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(zone).replace(microsecond=0)


class ProgressTimer:
    """Tells when a long loop should log a line of progress."""

    def __init__(self, seconds: float = PROGRESS_SECONDS) -> None:
        """Start now; lines are at least `seconds` apart."""
        self._seconds = seconds
        self._start = self._last = time.monotonic()

    def due(self) -> float:
        """Return the seconds since the start if a line is due now, else 0."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return 0.0
        self._last = now
        return now - self._start
