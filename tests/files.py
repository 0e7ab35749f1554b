"""Loads a routing.yaml from text, with given environment variables and secret files."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from proxy.config.document import ConfigError, parse
from proxy.config.load import load
from proxy.config.snapshot import Snapshot
from proxy.config.typed_loader import TypedLoader

NONE: Mapping[str, str] = {}


def read_file(files: Mapping[str, str], path: str) -> str:
    """Return the text of a file in the mapping. Raises FileNotFoundError as the system does."""
    if path not in files:
        raise FileNotFoundError(2, "No such file or directory", path)
    return files[path]


def load_snapshot(text: str, environ: Mapping[str, str] = NONE, files: Mapping[str, str] = NONE) -> Snapshot:
    """Load the text. Raises ConfigError if anything is wrong with it."""
    document = parse(text)
    snapshot, _ = load(TypedLoader(document, environ, lambda path: read_file(files, path)))
    document.raise_if_invalid()
    return snapshot


def config_errors(text: str, environ: Mapping[str, str] = NONE, files: Mapping[str, str] = NONE) -> list[str]:
    """Return the error lines of an invalid file."""
    with pytest.raises(ConfigError) as caught:
        load_snapshot(text, environ, files)
    return str(caught.value).splitlines()


def weighted_providers(weights: Mapping[str, float], regions: Mapping[str, tuple[str, ...]] | None = None) -> Snapshot:
    """Return a configuration whose providers have these weights and regions, and all serve the model `m`."""
    lines = ["providers:"]
    for name, weight in weights.items():
        lines.append(f"  {name}: {{dialect: openai, base_url: 'http://{name}', weight: {weight}, regions: {{")
        lines.append(", ".join(f"{region}: {{}}" for region in (regions or {}).get(name, ())) + "}}")
    lines.append(f"models: {{m: {{{', '.join(f'{name}: {name}-m' for name in weights)}}}}}")
    return load_snapshot("\n".join(lines))
