"""Each module has a test file of its own name, or a line that says where to look."""

from pathlib import Path

import pytest

from benchmarks.mutations import ELSEWHERE as LIST
from benchmarks.mutations import noted

ROOT = Path(__file__).parent.parent
ELSEWHERE = {module: (tests.split(), why) for module, tests, why in noted(LIST)}
MODULES = sorted(
    path.relative_to(base).with_suffix("").as_posix()
    for base, package in (
        (ROOT / "src", "cxrmlops"),
        (ROOT / "src", "cxrphantom"),
        (ROOT, "flows"),
    )
    for path in (base / package).rglob("*.py")
    if path.stem != "__init__" and "migrations" not in path.parts
)


def mirror(module: str) -> Path:
    """Name the test file of a module; tests of cxrmlops lie right below tests/."""
    place = Path("tests", module.removeprefix("cxrmlops/"))
    return ROOT / place.with_name(f"test_{place.name}.py")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_tested_in_its_mirror_or_where_a_line_says(module):
    if mirror(module).exists():
        assert module not in ELSEWHERE, "it has a mirror: take its line out"
        return

    tests, why = ELSEWHERE[module]
    assert why
    assert tests
    assert all((ROOT / f"tests/{name}.py").exists() for name in tests)


def test_no_line_speaks_of_a_module_that_is_gone():
    assert set(ELSEWHERE) <= set(MODULES)
