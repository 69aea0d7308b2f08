"""The pinned packages, as far as an installation shows what they ask for."""

import tomllib
from importlib.metadata import PackageNotFoundError, distribution

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.conftest import ROOT

PINS = dict(
    line.strip().split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if "==" in line and not line.startswith("#")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_pinned_package_runs_on_the_oldest_python_that_we_name():
    """Debian 12 brings 3.11.2: a package that asks for 3.11.5 cannot be installed."""
    (bound,) = [
        one for one in SpecifierSet(PROJECT["requires-python"]) if ">=" in str(one)
    ]
    oldest = Version(f"{bound.version}.0")
    asks = {}
    for name in PINS:
        try:
            asks[name] = distribution(name).metadata.get("Requires-Python", "")
        except PackageNotFoundError:  # an extra that is not installed
            continue

    assert len(asks) > 100
    assert [
        name for name in asks if not SpecifierSet(asks[name]).contains(oldest)
    ] == []
