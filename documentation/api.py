"""Pages of the Python API, from signatures and docstrings; nothing is imported."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from griffe import DocstringSectionKind as Kind

from documentation.markdown import cell, code, table, text
from documentation.source_comments import class_fields

LINE = 80  # characters; longer signatures go over several lines
MAIN = "cxrmlops"
HIDDEN = ("migrations",)  # SQL steps of the ledger


def pages(root: Path) -> dict[str, tuple[str, str]]:
    """Return page name -> title and Markdown.

    The main package has a page per package within and one for the rest; every other
    package below src/ has one page.
    """
    found = {}
    for folder in sorted((root / "src").glob("*/__init__.py")):
        name = folder.parent.name
        package = griffe.load(
            name, search_paths=[root / "src"], docstring_parser="google"
        )
        if name != MAIN:
            found[name] = (name, _page(package, list(_modules(package))))
            continue
        single = [m for m in package.modules.values() if not m.is_init_module]
        found[name] = (name, _page(package, single))
        for inner, part in sorted(package.modules.items()):
            if part.is_init_module:
                title = f"{name}.{inner}"
                found[inner] = (title, _page(part, list(_modules(part))))
    return found


def _modules(package: griffe.Module) -> Iterator[griffe.Module]:
    for name, module in sorted(package.modules.items()):
        if name in HIDDEN:
            continue
        if module.is_init_module:
            yield from _modules(module)
        yield module


def _page(package: griffe.Module, modules: list[griffe.Module]) -> str:
    lines = [f"# {package.canonical_path}\n", *_docstring(package)]
    for module in sorted(modules, key=lambda each: each.canonical_path):
        lines += [f"## {module.canonical_path}\n", *_docstring(module)]
        lines += list(_members(module))
    return "\n".join(lines)


def _members(module: griffe.Module) -> Iterator[str]:
    fields = class_fields(Path(str(module.filepath)))
    for name, member in module.members.items():
        if name.startswith("_") or member.is_alias:
            continue
        if member.is_class:
            yield from _class(member, fields.get(name, {}))
        elif member.is_function:
            yield f"### {_anchored(member)}\n"
            yield from function_body(member)


def _anchored(member: Any) -> str:
    return f"`{member.name}` {{#{member.canonical_path}}}"


def _class(member: Any, comments: dict[str, str]) -> Iterator[str]:
    yield f"### {_anchored(member)}\n"
    bases = ", ".join(map(str, member.bases))
    yield f"```python\nclass {member.name}{f'({bases})' if bases else ''}\n```\n"
    yield from _docstring(member)
    rows = [
        (
            code(name),
            code(field.annotation),
            code(field.value) if field.value is not None else "",
            cell(comments.get(name, "")),
        )
        for name, field in member.attributes.items()
        if not name.startswith("_") and field.annotation and not field.is_alias
        and "property" not in field.labels
    ]  # fmt: skip
    if rows:
        yield table(("field", "type", "default", "what"), rows)
    for name, inner in member.members.items():
        if name.startswith("_") or inner.is_alias or inner.is_class:
            continue
        if inner.is_function or "property" in inner.labels:
            yield f"#### `{member.name}.{name}` {{#{inner.canonical_path}}}\n"
            yield from function_body(inner)


def function_body(function: Any) -> Iterator[str]:
    """Yield signature and docstring of a function, or the docstring of a property."""
    if function.is_function:
        yield f"```python\n{_signature(function)}\n```\n"
    yield from _docstring(function)


def _signature(function: Any) -> str:
    parts, shown = [], function.parameters
    has_star = any(p.kind is griffe.ParameterKind.var_positional for p in shown)
    for each in shown:
        if each.name in ("self", "cls"):
            continue
        if each.kind is griffe.ParameterKind.keyword_only and not has_star:
            parts.append("*")
            has_star = True
        parts.append(_parameter(each))
    end = f" -> {function.returns}" if function.returns else ""
    line = f"{function.name}({', '.join(parts)}){end}"
    if len(line) <= LINE:
        return line
    inner = "".join(f"    {part},\n" for part in parts)
    return f"{function.name}(\n{inner}){end}"


def _parameter(each: Any) -> str:
    stars = {
        griffe.ParameterKind.var_positional: "*",
        griffe.ParameterKind.var_keyword: "**",
    }.get(each.kind, "")
    kind = f": {each.annotation}" if each.annotation else ""
    default = f" = {each.default}" if each.default is not None and not stars else ""
    return f"{stars}{each.name}{kind}{default}"


def _docstring(member: Any) -> Iterator[str]:
    if member.docstring is None:
        return
    for section in member.docstring.parsed:
        if section.kind is Kind.text:
            yield _prose(section.value) + "\n"
        elif section.kind in (Kind.parameters, Kind.attributes):
            yield "**Takes**\n"
            yield (
                "\n".join(
                    f"- `{each.name}`: {_prose(each.description, '  ')}"
                    for each in section.value
                )
                + "\n"
            )
        elif section.kind in (Kind.returns, Kind.yields):
            yield "**Gives**\n"
            yield "\n\n".join(_result(each) for each in section.value) + "\n"
        elif section.kind is Kind.raises:
            yield "**Raises**\n"
            yield (
                "\n".join(
                    f"- `{each.annotation}`: {_prose(each.description, '  ')}"
                    for each in section.value
                )
                + "\n"
            )
        else:
            yield _prose(_plain(section.value)) + "\n"


def _plain(value: Any) -> str:
    return str(getattr(value, "description", value))


def _result(each: Any) -> str:
    """Join what a colon in the first line of a result made two."""
    return _prose(each.description)


def _prose(words: str, indent: str = "") -> str:
    """Keep lists and tables of a docstring; escape what Markdown would take."""
    return text(words).replace("\n", f"\n{indent}")
