"""Wrong changes of one place (cosmic-ray's), and the tests that should notice."""

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = Path("src/cxrmlops")
# Plausible slips. What no reader would write, as `a << b` for `a + b`, is always found.
OPERATORS = (
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "NumberReplacer"),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ExceptionReplacer"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    *("ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Invert"),
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt"),
            *("Lt_Gt", "Gt_Lt", "LtE_GtE", "GtE_LtE", "Is_IsNot", "IsNot_Is"),
        )
    ),
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in (
            *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div"),
            *("Mod_FloorDiv", "Pow_Mul", "BitAnd_BitOr", "BitOr_BitAnd"),
            *("LShift_RShift", "RShift_LShift"),
        )
    ),
)
ELSEWHERE = Path("tests/tested_elsewhere.txt")  # module :: test files :: why
LEFT_OUT = ("migrations", "__init__")


@dataclass(frozen=True)
class Mutant:
    """One wrong change."""

    module: str  # relative to src/cxrmlops, without .py
    line: int
    before: str  # the changed line
    after: str
    code: str  # of the whole module


def draw(package: str, modules: list[str] | None, *, n: int, seed: int) -> list[Mutant]:
    """Draw n changes of a package: the same for the same seed and sources."""
    paths = sorted((ROOT / SOURCE / package).rglob("*.py"))
    places = [
        (path, operator, occurrence)
        for path in paths
        if not any(part in LEFT_OUT for part in (*path.parts, path.stem))
        if modules is None or path.stem in modules
        for operator, occurrence in _places(path.read_text())
    ]
    random.Random(f"{seed} {package}").shuffle(places)
    drawn: list[Mutant] = []
    for path, operator, occurrence in places:
        mutant = _mutant(path, operator, occurrence)
        if mutant is not None:
            drawn.append(mutant)
        if len(drawn) == n:
            break
    return drawn


def _places(code: str) -> Iterator[tuple[str, int]]:
    """Name every change: an operator, and which of its occurrences."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator

    nodes = list(ast_nodes(get_ast(code)))
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        found = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        yield from ((name, occurrence) for occurrence in range(found))


def _mutant(path: Path, name: str, occurrence: int) -> Mutant | None:
    """Make the change; None where only an annotation changes, or nothing."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    code = path.read_text()
    try:
        changed = mutate_code(code, get_operator(f"core/{name}")(), occurrence)
        if changed is None or _meaning(changed) == _meaning(code):
            return None
    except SyntaxError:  # a / for the * of *rows
        return None
    except AttributeError:  # cosmic-ray fails at a dotted exception within a tuple
        return None
    pairs = zip(count(1), code.split("\n"), changed.split("\n"), strict=False)
    line, before, after = next((k, a, b) for k, a, b in pairs if a != b)
    module = path.relative_to(ROOT / SOURCE).with_suffix("").as_posix()
    return Mutant(module, line, before.strip(), after.strip(), changed)


def _meaning(code: str) -> str:
    """Write out what a module does in a correct program.

    Without types, which arguments must be named, `strict` of zip, `frozen` of classes.
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults += [value for value in node.kw_defaults if value]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        if isinstance(node, ast.Call):
            guard = {"zip": "strict", "dataclass": "frozen"}.get(ast.unparse(node.func))
            node.keywords = [each for each in node.keywords if each.arg != guard]
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.dump(tree)


def tests_of(module: str) -> list[Path]:
    """Find the test files of a module, its own first."""
    package, name = module.split("/")[0], module.split("/")[-1]
    own = Path("tests", Path(module).parent, f"test_{name}.py")
    dotted = f"cxrmlops.{module.replace('/', '.')}"
    using = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / "tests" / package).rglob("test_*.py"))
        if dotted in _imports(path)
    ]
    others = [
        Path("tests", f"{each}.py")
        for listed, tests, _why in noted(ELSEWHERE)
        if listed == f"cxrmlops/{module}"
        for each in tests.split()
    ]
    found = [own] if (ROOT / own).exists() else []
    return list(dict.fromkeys([*found, *using, *others]))


def noted(path: Path) -> list[list[str]]:
    """Read lines of `module :: what :: why`; a hash begins a comment."""
    lines = (ROOT / path).read_text().splitlines()
    return [line.split(" :: ") for line in lines if line and line[0] != "#"]


def _imports(path: Path) -> set[str]:
    """Name the modules that a file imports, as `a.b` and as `b` from `a`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found
