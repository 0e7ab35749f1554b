"""Resolves YAML merge keys: `<<: *name` puts the keys of another mapping into this one, where they are not set."""

from __future__ import annotations

from collections.abc import Callable

import yaml

MERGE_TAG = "tag:yaml.org,2002:merge"

Report = Callable[[yaml.Node, str], None]
"""Called with the node and the message of each mistake."""


def resolve_merge_keys(root: yaml.Node, report: Report) -> None:
    """Replace every merge key below `root`, in place. The tree must be free of cycles and of limited size."""
    done: set[int] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) in done:
            continue
        done.add(id(node))
        _merge(node, report)
        pending.extend(_children(node))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _merge(node: yaml.Node, report: Report) -> None:
    """Put what is merged where the merge key stands. A key of the mapping itself wins, then the first that is merged."""
    if not isinstance(node, yaml.MappingNode):
        return
    merges = [pair for pair in node.value if pair[0].tag == MERGE_TAG]
    for key, _ in merges[1:]:
        report(key, "'<<' stands twice; to merge several mappings write <<: [*first, *second]")
    taken = {_identity(key) for key, _ in node.value}
    found: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in node.value:
        found.extend(_merged(value, taken, report) if key.tag == MERGE_TAG else [(key, value)])
    if merges:
        node.value = found


def _merged(value: yaml.Node, taken: set[object], report: Report) -> list[tuple[yaml.Node, yaml.Node]]:
    """Return the pairs of the merged mappings whose keys are not taken, and take them."""
    found: list[tuple[yaml.Node, yaml.Node]] = []
    for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
        if not isinstance(source, yaml.MappingNode):
            report(source, "expected a mapping to merge, or a list of them, such as <<: *name")
            continue
        _merge(source, report)
        new = [pair for pair in source.value if _identity(pair[0]) not in taken]
        taken.update(_identity(key) for key, _ in new)
        found.extend(new)
    return found


def _identity(key: yaml.Node) -> object:
    return key.value if isinstance(key, yaml.ScalarNode) else id(key)
