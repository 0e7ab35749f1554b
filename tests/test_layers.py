"""Imports point one way: a module may import from its own package and from the layers below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.source import dotted_name, sources

# From the bottom up. Packages in one layer may import each other, as long as there is no import cycle.
LAYERS = (
    ("",),  # proxy/__init__.py itself
    (
        "errors",
        "http_errors",
        "messages",
        "headers",
        "retry_after",
        "sse",
        "deadline_timer",
        "socket_state",
        "host_origin",
        "descriptors",
        "cgroup",
        "json_values",
        "memory_account",
        "upload",
        "redaction",
        "control_chars",
        "background",
        "daemon_thread",
        "trace_context",
        "cors",
    ),
    ("config",),
    ("dialects", "ingress"),
    ("telemetry", "resilience", "state", "file_fetches"),
    ("routing",),
    ("runtime",),
    ("exchange",),
    ("internal_error", "error_response", "sidecar_headers"),
    ("attempts", "tracing"),
    ("middleware",),
    ("pipeline",),
    ("phases", "response_writer", "lifecycle", "upstream", "listen_security", "generation"),
    ("reload",),
    ("sandbox",),
    ("control",),
    ("downstream",),
    ("server",),
    ("sidecar",),
    ("cli", "client"),
    ("__main__",),
)
LAYER = {package: number for number, packages in enumerate(LAYERS) for package in packages}

HTTP = {"aiohttp", "aiohttp_sse", "multidict", "yarl"}
EDGES = {
    "upstream",
    "downstream",
    "server",
    "control",
    "sandbox",
    "cli",
    "client",
    "sidecar",
}


def imports(path: str, text: str, modules: set[str]) -> Iterator[tuple[int, str]]:
    """Yield each import of a file, at any nesting, as (line, dotted module)."""
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


def top_level(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def violation(importer: str, imported: str) -> str | None:
    """Return why one module may not import another, or None if it may."""
    here, there = top_level(importer), top_level(imported)
    if imported.split(".")[0] in HTTP:
        return None if here in EDGES else f"only {', '.join(sorted(EDGES))} may import it"
    if imported.split(".")[0] != "proxy":
        return None
    if there not in LAYER or here not in LAYER:
        return f"'{here if here not in LAYER else there}' has no layer: add it to LAYERS in tests/test_layers.py"
    if here == there == "middleware" and importer != "proxy.middleware":
        return "middleware files must not import each other: use the Exchange"
    return f"'{there}' is above '{here}'" if LAYER[there] > LAYER[here] else None


def violations(files: Mapping[str, str]) -> list[str]:
    """Return each import of a higher layer or inside a function, as `file:line: import x: reason`."""
    modules = {dotted_name(path) for path in files}
    errors = []
    for path, text in files.items():
        errors += [
            f"{path}:{line}: import {name}: {reason}"
            for line, name in imports(path, text, modules)
            if (reason := violation(dotted_name(path), name))
        ]
        if not path.startswith("proxy/cli/"):  # a command imports the sandbox only when it is used
            errors += [f"{path}:{line}: an import inside a function" for line in nested_imports(text)]
    return errors


def nested_imports(text: str) -> list[int]:
    """Return the lines of imports inside functions."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = (node for function in functions for node in ast.walk(function))
    return sorted({node.lineno for node in inner if isinstance(node, ast.Import | ast.ImportFrom)})


def find_cycle(files: Mapping[str, str]) -> list[str]:
    """Return the modules of one import cycle, if there is any."""
    modules = {dotted_name(path) for path in files}
    graph = {dotted_name(path): {name for _, name in imports(path, text, modules)} for path, text in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_point_one_way() -> None:
    errors = violations(sources())
    assert not errors, "\n" + "\n".join(errors)


def test_there_is_no_import_cycle() -> None:
    cycle = find_cycle(sources())
    assert not cycle, " <- ".join(cycle)


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("proxy/sse.py", "import proxy.config.load", "'config' is above 'sse'"),
        ("proxy/config/load.py", "from proxy.routing.policy import Policy", "'routing' is above 'config'"),
        ("proxy/config/load.py", "from proxy import server", "'server' is above 'config'"),
        ("proxy/config/load.py", "from ..server import Server", "'server' is above 'config'"),
        ("proxy/middleware/auth.py", "from proxy.middleware.limits import Limits", "use the Exchange"),
        ("proxy/middleware/auth.py", "from . import limits", "use the Exchange"),
        ("proxy/routing/decision.py", "from aiohttp import web", "may import it"),
        ("proxy/messages.py", "import multidict", "may import it"),
        ("proxy/server.py", "def late() -> None:\n    import json", "inside a function"),
        ("proxy/server.py", "from proxy.attic import trunk", "'attic' has no layer"),
        ("proxy/attic.py", "from proxy import errors", "'attic' has no layer"),
    ],
)
def test_a_forbidden_import_is_reported(path: str, text: str, reason: str) -> None:
    tree = {"proxy/__init__.py": "", "proxy/server.py": "", "proxy/middleware/limits.py": "", path: text}
    (error,) = violations(tree)
    assert error.startswith(f"{path}:") and reason in error


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
def test_an_allowed_import_passes(path: str, text: str) -> None:
    assert not violations({"proxy/errors.py": "", "proxy/middleware/limits.py": "", path: text})


def test_an_import_cycle_is_reported() -> None:
    cycle = {"proxy/errors.py": "from proxy.sse import Event", "proxy/sse.py": "from proxy import errors"}
    assert set(find_cycle(cycle)) == {"proxy.errors", "proxy.sse"}
