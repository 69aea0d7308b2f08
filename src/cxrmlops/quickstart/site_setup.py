"""Settings for one's own films: site.yaml, params.yaml and the addresses of servers."""

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from cxrmlops.data.image_list import list_images
from cxrmlops.data.sources.recognise import find_reports, recognise_reports
from cxrmlops.params import load_site
from cxrmlops.system.errors import DataError, ParamsError
from cxrmlops.system.files import write_text

SITE, PARAMS, ADDRESSES = "site.yaml", "params.yaml", "addresses.env"
GRAPH = Path("dvc.yaml")  # of the checkout

_ADDRESSES = """\
# Addresses of servers. All are optional: without them everything stays on this
# machine. Load into a shell with: set -a; . ./addresses.env; set +a
# Passwords belong here and nowhere else; git ignores this file.

# Runs and models; unset: sqlite:///mlflow.db
#MLFLOW_TRACKING_URI=http://mlflow.example.org:5000
# Flows and schedules; unset: Prefect's own local server
#PREFECT_API_URL=http://prefect.example.org:4200/api
# Which study was scored and delivered; unset: sqlite:///ledger.db
#CXR_LEDGER_URL=postgresql+psycopg://user:password@db.example.org/cxr
# Where films come from; unset: site.yaml: archive
#CXR_ARCHIVE=dicomweb:https://pacs.example.org/dicom-web
#CXR_ARCHIVE=dimse:PACS@pacs.example.org:104?calling=CXRMLOPS
# Where reports go, if elsewhere; its login: CXR_RESULTS_ARCHIVE_TOKEN
#CXR_RESULTS_ARCHIVE=folder:/results
# Login of a DICOMweb archive, or CXR_ARCHIVE_USER and CXR_ARCHIVE_PASSWORD
#CXR_ARCHIVE_TOKEN=
# Audit events, with patients' numbers; unset: audit.jsonl beside the ledger
#CXR_AUDIT=/var/log/cxrmlops/audit.jsonl
# Collector that gets a copy of each audit line; unset: none
#CXR_SYSLOG=unix:/dev/log
# Notices (site.yaml: notices): a webhook whose address is a secret, or its token; mail
#CXR_NOTICE_WEBHOOK=
#CXR_NOTICE_TOKEN=
#CXR_SMTP_USER=
#CXR_SMTP_PASSWORD=
# Secret behind all pseudonyms; unset: made once, ~/.config/cxrmlops/pseudonym.key
#CXR_PSEUDONYM_KEY=
# Processes that read films; unset: one per core
#CXR_WORKERS=8
"""


def set_up(
    images: Path,
    *,
    reports: Path | None = None,
    source: str | None = None,
    here: Path = Path(),
    may_replace: Callable[[str], bool] = lambda _question: False,
) -> str:
    """Write the settings files for `images` into `here`; say what to do next.

    Lines that somebody edited stay: of an existing site.yaml only source, films and
    reports change, an existing params.yaml or addresses.env is kept as it is.

    Args:
        images: folder of films.
        reports: report table, archive or folder; None: looked for in and beside
            `images`.
        source: hospital, nih, openi or rsna; None: known by the look of `reports`.
        here: folder of the settings.
        may_replace: asked before a line changes in a site.yaml that is not as we
            shipped it.

    Raises:
        DataError: no films, no reports, or reports of an unknown kind.
        ParamsError: site.yaml is there and wrong, or must not be changed.
    """
    files = list_images(images) if images.is_dir() else []
    if not files:
        raise DataError(
            f"init: there is no file below {images}; name the folder of your films"
        )
    reports, source = _reports(images, reports, source)
    values = {"source": source, "films": images.resolve(), "reports": reports.resolve()}
    write_text(here / SITE, _site_text(here / SITE, values, may_replace))
    for name, content in (
        (PARAMS, default(PARAMS).read_text(encoding="utf-8")),
        (ADDRESSES, _ADDRESSES),
    ):
        if not (here / name).exists():
            write_text(here / name, content, private=name == ADDRESSES)  # passwords
    return _next(source, len(files), reports)


def default(name: str) -> Path:
    """Find the settings file that we ship: in the package, or in its checkout."""
    packaged = Path(__file__).parents[1] / name
    return packaged if packaged.exists() else Path(__file__).parents[3] / name


def _reports(
    images: Path, reports: Path | None, source: str | None
) -> tuple[Path, str]:
    if reports is not None:
        if not reports.exists():
            raise DataError(f"init: --reports: there is nothing at {reports}")
        kind = source or recognise_reports(reports)
        if kind is None:
            raise DataError(
                f"init: --reports: {reports} is neither a CSV with a column "
                "'conclusion', nor NIH's Data_Entry table, nor Open-i's report XML; "
                "name the columns so, or say --source"
            )
        return reports, kind
    found = [(p, kind) for p, kind in find_reports(images) if source in (None, kind)]
    if not found:
        raise DataError(
            f"init: no report table lies in or beside {images}; name it with --reports"
        )
    if len(found) > 1:
        raise DataError(
            f"init: several report files lie in or beside {images}; name one with "
            "--reports",
            [path.name for path, _ in found],
        )
    return found[0]


def _site_text(
    path: Path, values: dict[str, object], may_replace: Callable[[str], bool]
) -> str:
    shipped = default(SITE).read_text(encoding="utf-8")
    if not path.exists():
        return _filled(shipped, values)
    there = load_site(path)  # refuses what is no site.yaml
    text = path.read_text(encoding="utf-8")
    filled = _filled(text, values)
    changed = [name for name, value in values.items() if getattr(there, name) != value]
    if not changed or text == shipped:
        return filled
    if not may_replace(
        f"{path.resolve()} is there: replace its lines {', '.join(changed)}?"
    ):
        raise ParamsError(
            f"init: {path.resolve()} names other {', '.join(changed)}; add --force to "
            "point it at these, or run it in another folder; nothing was changed"
        )
    return filled


def _filled(text: str, values: dict[str, object]) -> str:
    """Put `values` into the YAML `text`, keeping its comments."""
    for name, value in values.items():
        shown = yaml.safe_dump(str(value), width=10_000).splitlines()[0]
        line = re.compile(rf"^{name}:[^#\n]*?(?=\s*(#|$))", re.MULTILINE)
        text = line.sub(f"{name}: {shown}".replace("\\", r"\\"), text, count=1)
    return text


def _next(source: str, images: int, reports: Path) -> str:
    return "\n".join(
        [
            f"source     {source}: {images:,} file(s), reports in {reports.name}",
            f"{SITE}  the site: institution, time zone, language, chest words",
            f"{PARAMS}  every number; date window, image size, weights to begin "
            "with (a network fetches them; else: cxrmlops doctor), gates",
            f"{ADDRESSES}  MLFLOW_TRACKING_URI, PREFECT_API_URL, CXR_LEDGER_URL, "
            "CXR_ARCHIVE; all optional",
            "",
            "Next:  read site.yaml, then",
            "  cxrmlops cohort    who is in, who is not, why: data/cohort/flow.svg",
            "  dvc repro          everything up to a judged model"
            + ("" if GRAPH.exists() else "; in the project's checkout: run init there"),
        ]
    )
