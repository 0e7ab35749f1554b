"""What the sidecar imports, what its package requires, what the lock file installs and what the documentation lists is the same."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from importlib.metadata import packages_distributions

from tests.source import ROOT, sources

DOCUMENT = (ROOT / "docs/reference/dependencies.md").read_text()
LOCK = (ROOT / "deploy/requirements.lock").read_text()


def normal(name: str) -> str:
    """Return a name as registries compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: Iterable[str]) -> set[str]:
    found = (re.match(r"[\w.-]+", line) for line in requirements)
    return {normal(match[0]) for match in found if match}


def setup_cfg() -> Mapping[str, Mapping[str, str]]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


RUNTIME = names(setup_cfg()["options"]["install_requires"].split("\n"))
EXTRAS = {
    extra: names(lines.split("\n")) for extra, lines in setup_cfg()["options.extras_require"].items() if extra != "test"
}


def table(header: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table of the page that begins with this header."""
    body = DOCUMENT.partition(f"{header}\n")[2].partition("\n\n")[0]
    for line in body.splitlines()[1:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def imported() -> set[str]:
    """Return the distributions whose modules proxy/ imports."""
    nodes = [node for text in sources().values() for node in ast.walk(ast.parse(text))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"proxy"}
    tops.discard("opentelemetry")  # a namespace of several distributions, all of which are in one extra
    return {normal(found) for top in tops for found in packages_distributions()[top]}


def test_the_documented_packages_are_those_that_the_package_requires() -> None:
    assert {normal(row[0]) for row in table("| package | use |")} == RUNTIME


def test_the_documented_extras_are_those_of_the_package() -> None:
    documented = {row[0].strip("`"): names(row[1].split(", ")) for row in table("| extra | package | use |")}
    assert documented == EXTRAS


def test_nothing_else_is_installed_than_these_and_what_they_depend_on_as_documented() -> None:
    locked = names(line for line in LOCK.splitlines() if "==" in line)
    found = re.search(r"They depend on ([\w, -]+) and ([\w-]+)\.", DOCUMENT.replace("\n", " "))
    assert found is not None
    assert locked == RUNTIME | names([*found[1].split(", "), found[2]])


def test_what_is_imported_is_required_by_the_package_or_an_extra() -> None:
    assert imported() - set().union(*EXTRAS.values()) - RUNTIME == {"multidict", "yarl"}  # aiohttp's own types


def test_every_locked_package_has_a_hash() -> None:
    blocks = re.split(r"\n(?=[a-z])", LOCK)
    assert [block for block in blocks if "==" in block and "--hash=sha256:" not in block] == []
