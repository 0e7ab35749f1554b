"""Lists the changes between two versions of routing.yaml, one line each, without secrets."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

_SECRET_KEYS = ("api_key", "value", "key", "headers", "query", "base_url", "path", "body")
_KNOWN_SECTIONS = ("listen", "admin", "pipeline", "defaults", "drain", "providers", "models")


def diff(old: yaml.Node, new: yaml.Node, path: str = "") -> list[str]:
    """Return lines such as `providers.openai.weight: 40 -> 60` or `models.gpt-5 added`. Of a secret only `changed`."""
    return list(_diff_nodes(old, new, path))


def _diff_nodes(old: yaml.Node, new: yaml.Node, path: str) -> Iterator[str]:
    if isinstance(old, yaml.MappingNode) and isinstance(new, yaml.MappingNode):
        yield from _diff_mappings(old, new, path)
    elif isinstance(old, yaml.SequenceNode) and isinstance(new, yaml.SequenceNode):
        yield from _diff_lists(old, new, path)
    elif isinstance(old, yaml.ScalarNode) and isinstance(new, yaml.ScalarNode):
        if old.value != new.value:
            yield f"{path} changed" if _is_secret(path) else f"{path}: {old.value} -> {new.value}"
    else:
        yield f"{path} changed"


def _diff_mappings(old: yaml.MappingNode, new: yaml.MappingNode, path: str) -> Iterator[str]:
    before, after = _children(old), _children(new)
    for name in {**before, **after}:
        inner = f"{path}.{name}" if path else name
        if name not in after:
            yield f"{inner} removed"
        elif name not in before:
            yield f"{inner} added"
        else:
            yield from _diff_nodes(before[name], after[name], inner)


def _diff_lists(old: yaml.SequenceNode, new: yaml.SequenceNode, path: str) -> Iterator[str]:
    if len(old.value) != len(new.value):
        yield f"{path} changed"
        return
    for index, (before, after) in enumerate(zip(old.value, new.value, strict=True)):
        yield from _diff_nodes(before, after, f"{path}[{index}]")


def _children(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in node.value}


def _is_secret(path: str) -> bool:
    if path.startswith("pipeline") and ":" in path:
        return True  # a custom middleware: any of its options may be a secret
    section, *parts = path.replace("[", ".").split(".")
    return section not in _KNOWN_SECTIONS or any(part in _SECRET_KEYS for part in parts)
