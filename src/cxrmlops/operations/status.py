"""How the nights stand: one word, one line, and numbers for programs that watch.

Levels are those of Nagios plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from json import dumps

from cxrmlops.backlog.database import open_database
from cxrmlops.backlog.migration_level import read_level
from cxrmlops.backlog.night_counts import count_open
from cxrmlops.operations.heartbeat import Night, read_heartbeat
from cxrmlops.params import Notices
from cxrmlops.promotion.approval_log import entries
from cxrmlops.promotion.rollout_log import stage_of
from cxrmlops.system.errors import CxrError

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
LOOK_BACK = timedelta(days=14)  # for nights that were late or missing
LATE, MISSING, KILLED = "late", "missing", "killed"
_LEVELS = {"complete": OK, "half": WARNING, "failed": CRITICAL}


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    level: int
    kind: str  # late, missing, killed, half, failed, studies or ledger
    said: str
    do: str = "cxrmlops backlog, then python -m flows.score"


@dataclass(frozen=True)
class Status:
    """How the nights stand; no patient is in it."""

    at: str  # UTC, ISO 8601
    last: Night | None
    problems: tuple[Problem, ...]
    waiting: int | None  # studies; None: the ledger was not asked
    failed: int | None  # studies that wait for a person
    late_nights: int  # of the last 14 days: late, missing or not ended
    stage: str = ""  # of the roll-out; "" the ledger was not asked

    @property
    def level(self) -> int:
        """Return the worst level: 0 to 2."""
        return max((one.level for one in self.problems), default=OK)

    @property
    def word(self) -> str:
        """Return the level as Nagios words it."""
        return WORDS[self.level]

    def line(self) -> str:
        """Say it in one line, numbers behind a bar as Nagios reads them."""
        told = [one.said for one in self.problems] or [_told(self.last)]
        told += [f"stage {self.stage}"] if self.stage else []
        return f"CXR {self.word} - {'; '.join(told)} | {' '.join(self._numbers())}"

    def json(self) -> str:
        """Say it for programs."""
        last = self.last and self.last.model_dump()
        told = asdict(self) | {"last": last, "level": self.level, "word": self.word}
        return dumps(told, indent=2)

    def _numbers(self) -> Iterator[str]:
        for name in ("waiting", "failed"):
            if (n := getattr(self, name)) is not None:
                yield f"{name}={n}"
        yield f"late_nights={self.late_nights}"
        if self.last is not None:
            since = _moment(self.at) - _moment(self.last.ended or self.last.began)
            yield f"age={since.total_seconds():.0f}s"


def look(settings: Notices, *, at: datetime | None = None) -> Status:
    """Look at the heartbeat and into the ledger; nothing is made or migrated.

    Args:
        settings: when a night is late or missing.
        at: the moment; None: now.

    Raises:
        DataError: the heartbeat is not one.
    """
    moment = at or datetime.now(UTC)
    nights = read_heartbeat().nights
    last = nights[-1] if nights else None
    problems = list(_of_night(last, moment, settings))
    counts: dict[str, int] = {}
    stage = ""
    try:
        if read_level().is_current:
            engine = open_database()
            counts = count_open(engine)
            engine.dispose()
            stage = stage_of(entries())
    except CxrError as error:
        problems.append(Problem(CRITICAL, "ledger", str(error)))
    if failed := counts.get("failed"):
        said = f"{failed} studies failed and wait for a person: cxrmlops backlog"
        problems.append(Problem(WARNING, "studies", said))
    return Status(
        at=moment.isoformat(timespec="seconds"),
        last=last,
        problems=tuple(problems),
        waiting=counts.get("waiting"),
        failed=counts.get("failed"),
        late_nights=count_late(nights, moment, settings),
        stage=stage,
    )


def count_late(nights: Sequence[Night], at: datetime, settings: Notices) -> int:
    """Count nights of the last days that were late, or that never came."""
    recent = [night for night in nights if at - _moment(night.began) <= LOOK_BACK]
    if not recent:
        return 0
    longest = timedelta(hours=settings.missing_after_hours)
    begun = [*(_moment(night.began) for night in recent), at]
    missing = sum(int((b - a) / longest) for a, b in pairwise(begun))
    return missing + sum(_is_late(night, at, settings) for night in recent)


def _of_night(last: Night | None, at: datetime, settings: Notices) -> Iterator[Problem]:
    if last is None:
        yield Problem(WARNING, "none", "no night has run yet", "python -m flows.score")
        return
    if last.is_killed:
        said = f"the night of {last.began} was killed; nothing is lost, run again"
        yield Problem(CRITICAL, KILLED, said)
    elif last.state == "running":
        if _is_late(last, at, settings):
            hours = settings.late_after_hours
            said = f"the night of {last.began} has not ended after {hours:g} hours"
            yield Problem(WARNING, LATE, said)
    elif level := _LEVELS[last.state]:
        yield Problem(level, last.state, _told(last))
    if at - _moment(last.began) > timedelta(hours=settings.missing_after_hours):
        hours = settings.missing_after_hours
        said = f"no night began since {last.began}, for more than {hours:g} hours"
        yield Problem(CRITICAL, MISSING, said)


def _is_late(night: Night, at: datetime, settings: Notices) -> bool:
    until = _moment(night.ended) if night.ended else at
    return until - _moment(night.began) > timedelta(hours=settings.late_after_hours)


def _told(night: Night | None) -> str:
    if night is None:
        return "no night has run yet"
    if night.ended is None:
        return f"the night of {night.began} runs"
    return f"the last night ended {night.ended}, {night.state}: {night.said}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
