"""Which targets reports and metrics list, and under which model names.

A model name from a pattern is the callers' choice. To bound the number of labels, such a target is counted under the
pattern (`gpt-*`) or its provider (`openai/*`), and only names of the file become labels.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from proxy.config.patterns import is_expansion
from proxy.config.snapshot import Snapshot, Target
from proxy.telemetry.target_totals import Labels


@dataclass(frozen=True, slots=True)
class LabelledTarget:
    """A target under one of the model names that lead to it."""

    target: str
    provider: str
    region: str
    label: str
    """A model name of the file, a pattern, or `provider/*`."""


def labelled_targets(snapshot: Snapshot, observed: Iterable[str]) -> list[LabelledTarget]:
    """List the targets of the file, and observed targets that come from a pattern or from `provider/*`.

    A pattern stands for itself only until one of its targets has been observed.
    """
    configured = [label_target(target, name) for name, target in _named_targets(snapshot)]
    configured += _probed_only(snapshot, {each.provider for each in configured})
    known = {each.target for each in configured}
    labels = ((target, model_label(snapshot, target)) for target in observed if target not in known)
    found = [LabelledTarget(target, *split_target_id(target)[:2], label) for target, label in labels if label]
    replaced = {(each.label, each.provider, each.region) for each in found}
    return [each for each in configured if (each.label, each.provider, each.region) not in replaced] + found


def _probed_only(snapshot: Snapshot, listed: set[str]) -> Iterator[LabelledTarget]:
    """Yield `provider/*` of providers that no model names but whose health is known from probes."""
    for name, targets in snapshot.defaults_by_provider.items():
        if name not in listed:
            yield from (label_target(target, f"{name}/*") for target in targets if target.provider.probe is not None)


def label_target(target: Target, label: str) -> LabelledTarget:
    """Return the target under that label."""
    return LabelledTarget(target.id, target.provider.name, target.region, label)


def configured_targets(snapshot: Snapshot) -> frozenset[str]:
    """Return the ids of the targets that the file names. Those of patterns depend on the callers."""
    return frozenset(target.id for _, target in _named_targets(snapshot) if "*" not in target.model)


def group_key(provider: str, region: str = "", model: str = "") -> str:
    """Return the key of a group of targets: those of a provider, in a region, under a model name, or both."""
    return "\n".join((provider, region, model))


def group_keys(snapshot: Snapshot) -> frozenset[str]:
    """Return the keys of all providers, regions and models of the file."""
    listed = labelled_targets(snapshot, ())
    regions = (group_key(each.provider, region=each.region) for each in listed)
    models = (group_key(each.provider, model=each.label) for each in listed)
    return frozenset((*map(group_key, snapshot.providers), *regions, *models))


def is_group_of(providers: Container[str], locations: Container[str], key: str) -> bool:
    """Return whether a group's key is that of one of these providers, or of one of these `provider@region`s."""
    provider, region, _ = key.split("\n")
    return provider in providers or f"{provider}@{region}" in locations


def metric_labels(snapshot: Snapshot, configured: frozenset[str], target: str) -> Labels | None:
    """Return the metric labels of a target, given the configured ones, or None if the file does not describe it."""
    provider, region, model = split_target_id(target)
    label = model if target in configured else model_label(snapshot, target)
    return (provider, region, label) if label else None


def model_label(snapshot: Snapshot, target: str) -> str | None:
    """Return the label of a target that the file does not name, or None if no pattern or provider describes it."""
    provider, region, model = split_target_id(target)
    for pattern in snapshot.patterns:
        for each in pattern.targets:
            is_here = each.provider.name == provider and each.region == region
            if is_here and is_expansion(each.model, pattern.text, model):
                return pattern.text
    is_here = any(each.region == region for each in snapshot.defaults_by_provider.get(provider, ()))
    return f"{provider}/*" if is_here else None


def split_target_id(target: str) -> tuple[str, str, str]:
    """Split a target id into provider, region and upstream model."""
    provider, _, rest = target.partition("@")
    region, _, model = rest.partition("/")
    return provider, region, model


def _named_targets(snapshot: Snapshot) -> Iterator[tuple[str, Target]]:
    for name, targets in snapshot.models.items():
        yield from ((name, target) for target in targets)
    for pattern in snapshot.patterns:
        yield from ((pattern.text, target) for target in pattern.targets)
