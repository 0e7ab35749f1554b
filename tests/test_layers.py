"""Imports point one way: a module may import from its own room and from the floors below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.source import dotted_name, sources

# From the ground up. Rooms that share a floor may import one another, as long as no circle comes of it.
FLOORS = (
    ("",),  # proxy/__init__.py itself
    (
        "errors",
        "messages",
        "headers",
        "retry_after",
        "sse",
        "deadline_timer",
        "host_origin",
        "descriptors",
        "redaction",
    ),
    ("config",),
    ("dialects",),
    ("telemetry", "resilience"),
    ("routing",),
    ("exchange",),
    ("attempts", "tracing"),
    ("middleware",),
    ("pipeline",),
    ("upstream", "generation"),
    ("reload",),
    ("sandbox",),
    ("control",),
    ("buffered_response",),
    ("server",),
    ("sidecar",),
    ("cli", "client"),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

HTTP = {"aiohttp", "aiohttp_sse", "multidict", "yarl"}
EDGES = {"upstream", "buffered_response", "server", "control", "sandbox", "cli", "client", "sidecar"}


def imports(path: str, text: str, modules: set[str]) -> Iterator[tuple[int, str]]:
    """Each import of a file as (line, dotted module), wherever in the file it stands."""
    package = dotted_name(path).split(".")
    package = package if path.endswith("/__init__.py") else package[:-1]
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield node.lineno, inner if inner in modules else origin


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def wrong(importer: str, imported: str) -> str | None:
    """Why one module may not import another; None if it may."""
    here, there = room(importer), room(imported)
    if imported.split(".")[0] in HTTP:
        return None if here in EDGES else f"only {', '.join(sorted(EDGES))} may know it"
    if imported.split(".")[0] != "proxy":
        return None
    if there not in FLOOR or here not in FLOOR:
        return f"'{here if here not in FLOOR else there}' has no floor: give it one in tests/test_layers.py"
    if here == there == "middleware" and importer != "proxy.middleware":
        return "middleware files speak through the Exchange, not to one another"
    return f"'{there}' stands above '{here}'" if FLOOR[there] > FLOOR[here] else None


def violations(files: Mapping[str, str]) -> list[str]:
    """Every import that points the wrong way or stands in a function, as `file:line: import x: why`."""
    modules = {dotted_name(path) for path in files}
    found = []
    for path, text in files.items():
        found += [
            f"{path}:{line}: import {name}: {why}"
            for line, name in imports(path, text, modules)
            if (why := wrong(dotted_name(path), name))
        ]
        found += [f"{path}:{line}: an import inside a function" for line in inline(text)]
    return found


def inline(text: str) -> list[int]:
    """The lines of imports that stand inside a function."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = (node for function in functions for node in ast.walk(function))
    return sorted({node.lineno for node in inner if isinstance(node, ast.Import | ast.ImportFrom)})


def circle(files: Mapping[str, str]) -> list[str]:
    """One ring of modules that import one another, if there is any."""
    modules = {dotted_name(path) for path in files}
    graph = {dotted_name(path): {name for _, name in imports(path, text, modules)} for path, text in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_point_one_way() -> None:
    found = violations(sources())
    assert not found, "\n" + "\n".join(found)


def test_no_modules_import_one_another_in_a_circle() -> None:
    ring = circle(sources())
    assert not ring, " <- ".join(ring)


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("proxy/sse.py", "import proxy.config.load", "'config' stands above 'sse'"),
        ("proxy/config/load.py", "from proxy.routing.policy import Policy", "'routing' stands above 'config'"),
        ("proxy/config/load.py", "from proxy import server", "'server' stands above 'config'"),
        ("proxy/config/load.py", "from ..server import Server", "'server' stands above 'config'"),
        ("proxy/middleware/auth.py", "from proxy.middleware.limits import Limits", "through the Exchange"),
        ("proxy/middleware/auth.py", "from . import limits", "through the Exchange"),
        ("proxy/routing/decision.py", "from aiohttp import web", "may know it"),
        ("proxy/messages.py", "import multidict", "may know it"),
        ("proxy/server.py", "def late() -> None:\n    import json", "inside a function"),
        ("proxy/server.py", "from proxy.attic import trunk", "'attic' has no floor"),
        ("proxy/attic.py", "from proxy import errors", "'attic' has no floor"),
    ],
)
def test_a_bad_import_is_found(path: str, text: str, why: str) -> None:
    tree = {"proxy/__init__.py": "", "proxy/server.py": "", "proxy/middleware/limits.py": "", path: text}
    (found,) = violations(tree)
    assert found.startswith(f"{path}:") and why in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("proxy/middleware/__init__.py", "from proxy.middleware import limits"),
        ("proxy/middleware/auth.py", "from proxy.exchange import Exchange"),
        ("proxy/messages.py", "from proxy import __version__, errors"),
        ("proxy/server.py", "from aiohttp import web\nimport json"),
        ("proxy/__main__.py", "from proxy.cli import main"),
        ("proxy/dialects/openai/stream.py", "from .response import note\nfrom ..contract import Dialect"),
    ],
)
def test_a_good_import_passes(path: str, text: str) -> None:
    assert not violations({"proxy/errors.py": "", "proxy/middleware/limits.py": "", path: text})


def test_a_circle_is_found() -> None:
    ring = {"proxy/errors.py": "from proxy.sse import Event", "proxy/sse.py": "from proxy import errors"}
    assert set(circle(ring)) == {"proxy.errors", "proxy.sse"}
