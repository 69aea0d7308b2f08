"""The page of JSON records: the files of each stage, and the model of each file."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, RootModel

import cxrmlops.records
from cxrmlops.records.record import JsonFile, Part
from documentation.markdown import cell, code, sentence, table, text
from documentation.source_comments import class_fields

MODULE = cxrmlops.records.__name__
FILES = (  # stage, file, what
    ("cohort", "exclusions.json", "who is in, and why others are not"),
    ("cohort", "scope.json", "which images the cohort accepts"),
    ("preprocess", "preprocessing.json", "policy and hash of the pixels, counts"),
    ("validate", "report.json", "promises that were checked, films that broke one"),
    ("split", "counts.json", "films per side in each stratum"),
    ("split", "manifest.json", "policy, seed, hashes of the split and of test"),
    ("train", "training.json", "how training went, and on what machine"),
    ("train", "origin.json", "commit, uncommitted changes, packages of the training"),
    ("train", "bundle/model.json", "the bundle's card: how to read its answer"),
    ("evaluate", "figures.json", "figures of test with 95 % intervals"),
    ("evaluate", "card.json", "the model card"),
    ("examine", "examination.json", "shortcuts, robustness, heat maps"),
    ("gate", "metrics.json", "the headline: what DVC shows side by side"),
    ("gate", "verdict.json", "passed or refused, every gate with its reason"),
    ("score", "model.json", "the model that answered, its operating points"),
    ("report", "objects.json", "every object that was written, and of which study"),
    ("report", "failures.json", "studies without a report"),
    ("report", "reading_list.json", "the rows of the reading list"),
    ("watch", "watch.json", "drift, expected and realised performance, alarms"),
    ("challenger", "challenger.json", "who reads along, beside the champion"),
    ("export", "manifest.json", "what was exported, by which rules; goes with it"),
    ("export", "export.json", "for whom an export is; stays here"),
)  # fmt: skip


def page() -> str:
    """Describe the JSON files that stages write."""
    names = {kind.file: kind.__name__ for kind in _files()}
    return "\n".join(
        [
            "# JSON records",
            "",
            "Facts that are no table. Each lies in the folder of its stage, "
            "`data/<stage>/`; the night keeps those of `score` and `report` in one "
            "folder per chunk below, the watch its own in one per night.",
            "",
            table(
                ("stage", "file", "what", "model"),
                [
                    (
                        code(stage),
                        code(file),
                        cell(what),
                        code(names.get(f"{stage}/{file}", "")),
                    )
                    for stage, file, what in FILES
                ],
            ),
            *_models(),
        ]
    )


def models() -> list[type[BaseModel]]:
    """Return every model of `cxrmlops.records`: of each module files, then parts."""
    found = []
    for entry in pkgutil.iter_modules(cxrmlops.records.__path__):
        module = importlib.import_module(f"{MODULE}.{entry.name}")
        found += [
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, (JsonFile, Part))
            and kind.__module__ == module.__name__
            and kind.model_fields
        ]
    return sorted(found, key=lambda kind: (kind.__module__, not _is_file(kind)))


def _files() -> list[type[JsonFile]]:
    return [kind for kind in models() if issubclass(kind, JsonFile) and _is_file(kind)]


def _is_file(kind: type[BaseModel]) -> bool:
    return issubclass(kind, JsonFile) and hasattr(kind, "file")


def _models() -> Iterator[str]:
    for kind in models():
        yield f"## {kind.__name__}\n"
        if issubclass(kind, JsonFile) and _is_file(kind):
            yield f"File: `{kind.file}`.\n"
        yield f"{text(sentence(inspect.getdoc(kind) or ''))}\n"
        if issubclass(kind, RootModel):
            yield f"It holds {_type(kind.model_fields['root'].annotation)}.\n"
            continue
        comments = _comments(kind)
        yield table(
            ("field", "type", "what"),
            [
                (code(name), _type(field.annotation), cell(comments.get(name, "")))
                for name, field in kind.model_fields.items()
            ],
        )


def _comments(kind: type[BaseModel]) -> dict[str, str]:
    """Return field -> the comment behind it, those of its bases as well."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(MODULE):
            found |= class_fields(Path(inspect.getfile(base)))[base.__name__]
    return found


def _type(annotation: object) -> str:
    """Name a type as the code writes it, without its modules."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return code(annotation.__name__)
    shown = str(annotation)
    return code(re.sub(r"\b[a-z_]+\.", "", shown).replace("NoneType", "None"))
