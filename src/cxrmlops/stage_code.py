"""
Which of our own modules a stage runs, and a hash of what they do.

The list comes from the import graph (grimp), so that nobody keeps it by hand; dvc.yaml
names the same files. A changed comment, docstring or layout changes no hash: what a
training made stays what it was.
"""

import ast
import functools
from pathlib import Path

import grimp

from cxrmlops.system.files import sha256_json

_SOURCE = Path(__file__).parent.parent
UNTRACKED = {  # a reworded error must not retrain a network; `params:` tracks values
    "cxrmlops.system.errors",
    "cxrmlops.system.files",
    "cxrmlops.params",
    "cxrmlops.vocabulary.reasons",
    "cxrmlops.stage_code",
}


@functools.cache
def stage_modules(stage: str) -> tuple[str, ...]:
    """List the modules that a stage runs, itself included, sorted by name.

    Args:
        stage: file name in `cxrmlops.stages`, e.g. `train`.

    Raises:
        ValueError: there is no such stage.
    """
    own = f"cxrmlops.stages.{stage}"
    graph = _graph()
    if own not in graph.modules:
        raise ValueError(f"there is no stage {stage!r}")
    modules = graph.find_upstream_modules(own) | {own}
    return tuple(sorted(m for m in modules - UNTRACKED if source_file(m).exists()))


def source_file(module: str) -> Path:
    """Locate the source of a module; of a package the path does not exist."""
    return _SOURCE.joinpath(*module.split(".")).with_suffix(".py")


@functools.cache
def stage_code_hash(stage: str) -> str:
    """Hash the code of a stage without comments and docstrings: 64 hex digits."""
    return sha256_json(
        [
            [module, instructions(source_file(module).read_text("utf-8"))]
            for module in stage_modules(stage)
        ]
    )


def instructions(source: str) -> str:
    """Return Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@functools.cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("cxrmlops", cache_dir=None)
