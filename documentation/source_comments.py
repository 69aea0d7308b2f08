"""Comments that stand behind the fields of classes and tables, read from the source."""

import ast
import io
import re
import tokenize
from pathlib import Path


def comments_by_line(source: str) -> dict[int, str]:
    """Return the comment of each line that has one, without its hash."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def class_fields(path: Path) -> dict[str, dict[str, str]]:
    """Return class -> field -> the comment behind it."""
    source = path.read_text(encoding="utf-8")
    comments = comments_by_line(source)
    return {
        node.name: {
            field.target.id: comments.get(field.end_lineno or field.lineno, "")
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        }
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }


def dictionary_keys(path: Path) -> dict[str, dict[str, str]]:
    """Return assigned name -> key of a dictionary within -> the comment behind it."""
    source = path.read_text(encoding="utf-8")
    comments = comments_by_line(source)
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = {
                str(key.value): comments.get(key.lineno, "")
                for part in ast.walk(node.value)
                if isinstance(part, ast.Dict)
                for key in part.keys
                if isinstance(key, ast.Constant)
            }
    return found


def comment_above(path: Path) -> dict[str, str]:
    """Return assigned name -> the comment in the lines right above it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for number, line in enumerate(lines):
        if name := re.match(r"([A-Z_]+) = ", line):
            first = number
            while first and lines[first - 1].startswith("#"):
                first -= 1
            words = (above.lstrip("# ") for above in lines[first:number])
            found[name[1]] = " ".join(words)
    return found


def yaml_comments(path: Path) -> dict[str, str]:
    """Return `section.key` (or `key`) -> the comment behind it, over several lines."""
    found: dict[str, str] = {}
    place: list[tuple[int, str]] = []
    last = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if entry := re.match(r"( *)(\w+):[^#]*(?:#\s*(.*))?$", line):
            depth = len(entry[1])
            place = [(n, name) for n, name in place if n < depth]
            place.append((depth, entry[2]))
            last = ".".join(name for _, name in place)
            found[last] = entry[3] or ""
        elif (more := re.match(r" {12,}#\s*(.*)", line)) and last:
            found[last] += f" {more[1]}"
    return found
