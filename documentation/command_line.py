"""The page of the command line, from the commands themselves."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import griffe
import yaml
from typer.main import get_command

from cxrmlops.cli import app
from documentation.api import function_body
from documentation.markdown import cell, code, sentence, table, text

_TARGET = re.compile(r"^([a-z]+):.*?##\s*(.+)$", re.MULTILINE)
PROGRAM = "cxrmlops"
KINDS = {Path: "PATH", int: "INTEGER", float: "NUMBER", str: "TEXT"}


def page(root: Path) -> str:
    """Describe every command, flow and make target."""
    return "\n".join(
        [
            "# Command line",
            "",
            "Every command runs in the project's folder, where `params.yaml` and "
            "`site.yaml` lie. A command that fails because of settings, data, a model "
            "or a service ends with one line that begins with `error:` and exit code "
            "1; wrong use of an option ends with 2.",
            "",
            *_commands(get_command(app), PROGRAM),
            *_flows(root),
            *_targets(root),
        ]
    )


def commands(command: Any = None, name: str = PROGRAM) -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, groups too."""
    command = command or get_command(app)
    yield name, command
    for part, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {part}")


def _commands(command: Any, program: str) -> Iterator[str]:
    for name, inner in commands(command, program):
        yield f"## `{name}`\n"
        yield from _help(inner.help or "")
        yield f"```text\n{name}{_usage(inner)}\n```\n"
        rows = [_row(each) for each in inner.params if not _is_builtin(each)]
        if rows:
            heading = ("argument or option", "what", "default")
            yield table(heading, rows)


def _help(words: str) -> Iterator[str]:
    """Show a help text; the commands that it gives as examples become code."""
    for paragraph in words.replace("\b\n", "").strip().split("\n\n"):
        told, colon, example = paragraph.rpartition(": ")
        if colon and example.startswith(f"{PROGRAM} ") and "\n" not in example:
            yield f"{text(told)}:\n\n```sh\n{example}\n```\n"
        else:
            yield text(paragraph) + "\n"


def _usage(command: Any) -> str:
    parts = []
    for each in command.params:
        if _is_builtin(each):
            continue
        if each.param_type_name == "argument":
            shown = each.name.upper()
            shown += "..." if each.nargs == -1 else ""
        else:
            shown = each.opts[0] + ("" if each.is_flag else f" {_kind(each)}")
        parts.append(shown if each.required else f"[{shown}]")
    if getattr(command, "commands", None):
        parts.append("COMMAND" if command.no_args_is_help else "[COMMAND]")
    return "".join(f" {part}" for part in parts)


def _row(each: Any) -> tuple[str, str, str]:
    if each.param_type_name == "argument":
        name = code(each.name.upper())
    else:
        name = " ".join(code(option) for option in (*each.opts, *each.secondary_opts))
    default = "required" if each.required else _default(each)
    return name, cell(getattr(each, "help", None) or ""), default


def _default(each: Any) -> str:
    if each.default is None or each.default is False or each.default == "":
        return ""
    return code(each.default)


def _kind(each: Any) -> str:
    kind = each.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    return KINDS.get(kind, "TEXT")


def _is_builtin(each: Any) -> bool:
    return each.name in ("help", "install_completion", "show_completion")


def _flows(root: Path) -> Iterator[str]:
    yield "## Flows\n"
    yield (
        "The same line as Prefect flows. `python -m flows.train` and "
        "`python -m flows.score` run them by hand; `prefect.yaml` deploys them.\n"
    )
    package = griffe.load("flows", search_paths=[root], docstring_parser="google")
    for function in flows(package):
        yield f"### {function.canonical_path}\n"
        yield from function_body(function)
    deployed = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    yield "### Deployments\n"
    yield table(
        ("deployment", "entry point", "what", "schedule"),
        [
            (
                code(one["name"]),
                code(one["entrypoint"]),
                cell(sentence(one["description"])),
                ", ".join(
                    f"`{at['cron']}` {at['timezone']}"
                    for at in one.get("schedules", ())
                ),
            )
            for one in deployed
        ],
    )


def flows(package: griffe.Object) -> Iterator[griffe.Function]:
    """Yield every function that is a Prefect flow."""
    for module in package.modules.values():
        for function in module.functions.values():
            if any(str(d.value).startswith("flow(") for d in function.decorators):
                yield function


def _targets(root: Path) -> Iterator[str]:
    found = _TARGET.findall((root / "Makefile").read_text())
    yield "## make\n"
    yield table(
        ("target", "what"),
        [(code(f"make {name}"), cell(sentence(what))) for name, what in found],
    )
