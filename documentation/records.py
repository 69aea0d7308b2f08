"""The page of JSON records: pydantic models where there are any, else the files."""

import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from documentation.markdown import cell, code, sentence, table, text
from documentation.source_comments import class_fields

MODULE = "cxrmlops.records"
FILES = (  # stage, file, what
    ("cohort", "exclusions.json", "who is in, and why others are not"),
    ("cohort", "scope.json", "which images the cohort accepts"),
    ("preprocess", "preprocessing.json", "policy and hash of the pixels, counts"),
    ("validate", "report.json", "promises that were checked, films that broke one"),
    ("split", "counts.json", "studies, patients and films per side"),
    ("split", "manifest.json", "policy, seed, hashes of the split and of test"),
    ("train", "training.json", "how training went, and on what machine"),
    ("train", "bundle/model.json", "the bundle's card: how to read its answer"),
    ("evaluate", "metrics.json", "figures of test with 95 % intervals"),
    ("evaluate", "card.json", "the model card"),
    ("examine", "examination.json", "shortcuts, robustness, heat maps"),
    ("gate", "verdict.json", "passed or refused, every gate with its reason"),
    ("score", "model.json", "the model that answered, its operating points"),
    ("report", "objects.json", "every object that was written, and of which study"),
    ("report", "failures.json", "studies without a report"),
    ("report", "reading_list.json", "the rows of the reading list"),
)  # fmt: skip


def page() -> str:
    """Describe the JSON files that stages write."""
    return "\n".join(
        [
            "# JSON records",
            "",
            "Facts that are no table. Each lies in the folder of its stage, "
            "`data/<stage>/`; the night keeps those of `score` and `report` in one "
            "folder per chunk below.",
            "",
            table(
                ("stage", "file", "what"),
                [(code(stage), code(file), cell(what)) for stage, file, what in FILES],
            ),
            *_models(),
        ]
    )


def models() -> list[type[BaseModel]]:
    """Return every pydantic model of `cxrmlops.records`; none without the module."""
    if importlib.util.find_spec(MODULE) is None:
        return []
    module = importlib.import_module(MODULE)
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, BaseModel)
        and kind.__module__.startswith(MODULE)
        and not kind.__name__.startswith("_")
        and kind.model_fields
    ]


def _models() -> Iterator[str]:
    for kind in models():
        path = Path(inspect.getfile(kind))
        comments = class_fields(path).get(kind.__name__, {})
        yield f"## {kind.__name__}\n"
        yield f"{text(sentence(inspect.getdoc(kind) or ''))}\n"
        yield table(
            ("field", "type", "what"),
            [
                (
                    code(field.alias or name),
                    _type(field.annotation),
                    cell(field.description or comments.get(name, "")),
                )
                for name, field in kind.model_fields.items()
            ],
        )


def _type(annotation: object) -> str:
    """Name a type as the code writes it, without its modules."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return code(annotation.__name__)
    shown = str(annotation)
    for module in (f"{MODULE}.", "typing.", "datetime.", "pathlib."):
        shown = shown.replace(module, "")
    return code(shown)
