"""The page of settings: params.yaml, site.yaml and the environment."""

import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cxrmlops.params import Params, Site
from documentation.markdown import cell, code, sentence, table
from documentation.source_comments import class_fields, yaml_comments

SIGNS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
INTERNAL = {
    "CXR_STARTED_BY",  # a mark on our own processes
    # what `cxrmlops up` makes and hands to its servers
    "CXR_DATABASE_PASSWORD",
    "CXR_MLFLOW_PASSWORD",
    "CXR_MLFLOW_SECRET",
}
VARIABLES: dict[str, tuple[str, str]] = {  # name -> what, and what holds without it
    "PREFECT_API_URL": ("address of the Prefect server", "an API for each run"),
    "PREFECT_HOME": (
        "folder of Prefect's database and results",
        "`~/.prefect`; `.prefect` here where the home folder cannot be written",
    ),
    "MLFLOW_TRACKING_URI": ("address of the MLflow server", "`mlflow.db` here"),
    "CXR_LEDGER_URL": (
        "the ledger: `postgresql://user@host/database` or `sqlite:///file`",
        "`sqlite:///ledger.db`",
    ),
    "CXR_ARCHIVE": (
        "where films come from: `folder:`, `dicomweb:` or `dimse:`",
        "`site.yaml: archive`",
    ),
    "CXR_RESULTS_ARCHIVE": (
        "where reports go, likewise",
        "`site.yaml: results_archive`; else where films come from, in the stage shadow "
        "nowhere unless that is a folder",
    ),
    "CXR_RESULTS_ARCHIVE_TOKEN": (
        "bearer token of that archive, where it is another DICOMweb archive",
        "none is sent",
    ),
    "CXR_RESULTS_ARCHIVE_USER": ("user of that archive", "none is sent"),
    "CXR_RESULTS_ARCHIVE_PASSWORD": ("password of that user", "none is sent"),
    "CXR_ARCHIVE_TOKEN": ("bearer token of a DICOMweb archive", "none is sent"),
    "CXR_ARCHIVE_USER": ("user of a DICOMweb archive", "none is sent"),
    "CXR_ARCHIVE_PASSWORD": ("password of that user", "none is sent"),
    "CXR_AUDIT": (
        "stream of audit events; names patients",
        "`audit.jsonl` beside the ledger",
    ),
    "CXR_AUDIT_MAX_MIB": (
        "size at which a file of that stream is put aside, whole; 0: never",
        "100",
    ),
    "CXR_SYSLOG": (
        "collector that gets a copy: `udp://host:514`, `tcp://host:601` or "
        "`unix:/dev/log`",
        "no copy",
    ),
    "CXR_NOTICE_WEBHOOK": (
        "address that notices are posted to, where it is a secret itself",
        "`site.yaml: notices.webhook`",
    ),
    "CXR_NOTICE_TOKEN": ("bearer token of that address", "none is sent"),
    "CXR_SMTP_USER": ("user of the mail server", "no login"),
    "CXR_SMTP_PASSWORD": ("password of that user", "no login"),
    "CXR_PSEUDONYM_KEY": (
        "secret behind all pseudonyms",
        "made once, `~/.config/cxrmlops/pseudonym.key`",
    ),
    "CXR_WORKERS": ("processes that decode films", "one per core"),
    "CXR_CHUNKS_AT_ONCE": (
        "chunks of the backlog in work at once",
        "2; 2 per Dask worker",
    ),
    "CXR_THREADS": ("films that a CPU reads at once", "one per core"),
    "OMP_WAIT_POLICY": (
        "what threads do that wait for each other: `PASSIVE` sleeps, `ACTIVE` spins",
        "`PASSIVE` while training: half as fast again beside another busy program, a "
        "few per cent slower alone; else OpenMP's own mix",
    ),
    "CXR_DASK": (
        "address of a Dask scheduler; needs a ledger on PostgreSQL",
        "threads on this machine",
    ),
    "CXR_STACK": (
        "folder of what the servers of `cxrmlops up` keep",
        "`.stack` here; as root `/var/lib/cxrmlops/<hash of the project's path>`",
    ),
    "CXR_PROJECT": (
        "the project's folder, for `prefect deploy`",
        "`cxrmlops up` sets it",
    ),
    "CXR_TIME_ZONE": (
        "time zone of the nights' schedule, for `prefect deploy`",
        "`cxrmlops up` sets it from `site.yaml: time_zone`",
    ),
    "NPM_CONFIG_REGISTRY": (
        "where `cxrmlops up` fetches the OHIF viewer",
        "`https://registry.npmjs.org`",
    ),
    "CXR_CLOCK": ("fixed time in ISO 8601, for tests", "the clock"),
}


def page(root: Path) -> str:
    """Describe every setting, with the value that is shipped."""
    return "\n".join(
        [
            "# Settings",
            "",
            "`params.yaml` holds every number that a person may turn, `site.yaml` the "
            "facts of one site, the environment addresses and secrets. An unknown key, "
            "a key given twice and a value out of range are errors that name the line.",
            "",
            *_params(root),
            *_site(root),
            *_environment(root),
        ]
    )


def _params(root: Path) -> Iterator[str]:
    yield "## params.yaml\n"
    yield "One section per stage, named like the stage, and `promotion`.\n"
    values = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    comments = yaml_comments(root / "params.yaml")
    fields = class_fields(Path(inspect.getfile(Params)))
    for name, field in Params.model_fields.items():
        section = field.alias or name
        kind: Any = field.annotation
        yield f"### {section}\n"
        yield f"{sentence(kind.__doc__.splitlines()[0])}\n"
        yield table(
            ("setting", "shipped", "allowed", "what"),
            _rows(section, kind, values[section], comments, fields),
        )


def _rows(
    prefix: str,
    kind: type[BaseModel],
    values: Mapping[str, Any],
    comments: Mapping[str, str],
    fields: Mapping[str, Mapping[str, str]],
) -> Iterator[tuple[str, str, str, str]]:
    for name, field in kind.model_fields.items():
        place, inner = f"{prefix}.{name}" if prefix else name, field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _rows(place, inner, values[name], comments, fields)
            continue
        said = [comments.get(place, ""), fields[kind.__name__].get(name, "")]
        told = "; ".join(dict.fromkeys(filter(None, said)))
        yield code(place), code(_plain(values[name])), cell(allowed(field)), cell(told)


def allowed(field: FieldInfo) -> str:
    """Return which values a setting may have."""
    limits = [
        f"{words} {getattr(rule, sign):g}"
        for rule in field.metadata
        for sign, words in SIGNS.items()
        if getattr(rule, sign, None) is not None
    ]
    patterns = [f"`{m.pattern}`" for m in field.metadata if getattr(m, "pattern", "")]
    return ", ".join([_kind(field.annotation), *limits, *patterns])


def _kind(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{each}`" for each in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_kind, typing.get_args(annotation)))
    if origin is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if origin is list:
        return f"list of {_kind(typing.get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"{{{', '.join(annotation.model_fields)}}}"
    names = {
        "int": "whole number", "float": "number", "str": "text",
        "bool": "true or false", "NoneType": "null", "Path": "path", "date": "date",
    }  # fmt: skip
    return names.get(getattr(annotation, "__name__", ""), str(annotation))


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _site(root: Path) -> Iterator[str]:
    values = yaml.safe_load((root / "site.yaml").read_text(encoding="utf-8"))
    comments = yaml_comments(root / "site.yaml")
    fields = class_fields(Path(inspect.getfile(Params)))
    yield "## site.yaml\n"
    yield f"{sentence((Site.__doc__ or '').splitlines()[0])}\n"
    yield table(
        ("setting", "shipped", "allowed", "what"),
        _rows("", Site, values, comments, fields),
    )


def _environment(root: Path) -> Iterator[str]:
    missing = variables_read(root) - set(VARIABLES) - INTERNAL
    if missing:
        raise SystemExit(
            f"the code reads {', '.join(sorted(missing))}: describe it in "
            "documentation/settings.py"
        )
    yield "## Environment\n"
    yield (
        "`cxrmlops init` writes `addresses.env` with the addresses as comments; load "
        "it with `set -a; . ./addresses.env; set +a`. Passwords belong there or into "
        "the environment of the service, never into a file that git tracks.\n"
    )
    rows = [(code(name), cell(what), cell(n)) for name, (what, n) in VARIABLES.items()]
    yield table(("variable", "what", "without it"), rows)


def variables_read(root: Path) -> set[str]:
    """Find the variables of our own that the code reads."""
    found: set[str] = set()
    for folder in (root / "src", root / "flows"):
        for path in folder.rglob("*.py"):
            found |= set(re.findall(r"\bCXR_[A-Z_]+\b", path.read_text("utf-8")))
    return found
