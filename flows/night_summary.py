"""What a night shows of itself on its page: how far it is, and a summary at its end."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from prefect.artifacts import create_markdown_artifact

from cxrmlops.backlog import night_counts
from cxrmlops.backlog.database import now as utc_now
from cxrmlops.backlog.database import open_database
from cxrmlops.registry import versions
from cxrmlops.reporting.night_text import NightFacts, night_text
from cxrmlops.system.errors import ServiceError
from flows.chunk import REPORT, Night
from flows.names import add_tags
from flows.progress import Bar, watched_progress


@dataclass(frozen=True)
class End:
    """How a night ended; counts and sentences, safe to show."""

    waiting: list[str]  # why chunks of this night are not delivered
    said: str  # studies by outcome; "" when some wait
    studies: dict[str, int]  # that this night began, `in`, and what became of them
    files: dict[str, int]  # likewise
    picture: str  # data URL of a made-up film with its map; "" nothing is new
    stopped: str  # why it ended before its work was done; "" it did not
    left: str  # how many studies are not done, whoever began them


def studies_shown(night: Night) -> AbstractContextManager[None]:
    """Show how many studies are done while the block works."""
    engine = open_database()
    return watched_progress(
        Bar("night-progress"),
        lambda: night_counts.count_progress(engine, night.run, night.model_key),
        what="studies",
    )


def show_night(night: Night, end: End, said: str) -> None:
    """Write the night's page, and tag its run with the version that read.

    Args:
        night: that ended.
        end: what became of its studies.
        said: the last sentence of the run.
    """
    version, model = _model(night)
    if version:
        add_tags(f"version {version}")
    rejected, failed = night_counts.count_reasons(open_database(), night.run)
    answered = end.studies["scored"] + end.studies["rejected"]
    page = (REPORT / "reading_list.html").absolute()
    took = datetime.fromisoformat(utc_now()) - datetime.fromisoformat(night.opened)
    facts = NightFacts(
        date=night.started[:10],
        ended=said,
        studies=end.studies,
        files=end.files,
        rejected=rejected,
        failed=failed,
        model=f"{model}, read in {night.reading}" if night.reading else model,
        seconds=took.total_seconds(),
        reading_list=str(page) if answered and page.exists() else "",
        picture=end.picture,
    )
    create_markdown_artifact(
        night_text(facts),
        key="night-summary",
        description=f"Night {facts.date}: {said}",
    )


def _model(night: Night) -> tuple[str, str]:
    """Return the number of the version that read, "" none, and words for the page."""
    name, bundle = night.model_key.split("|")[0], night.bundle_hash[:12]
    try:
        version = versions.find(night.bundle_hash)
    except ServiceError:
        return "", f"{name}, bundle `{bundle}`; MLflow could not name its version"
    if version is None:
        return "", f"{name}, bundle `{bundle}`, no registered version"
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    return version.number, (
        f"{versions.MODEL} version {version.number}{aliases}: {name}, bundle `{bundle}`"
    )
