"""Which targets there are to show, and under which names: the file bounds the names, whatever callers ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from proxy.config.snapshot import ModelPattern, Snapshot, Target
from proxy.telemetry.observations import Labels


@dataclass(frozen=True, slots=True)
class LabelledTarget:
    """One target under one of the names that lead to it."""

    target: str
    provider: str
    region: str
    label: str
    """A model of the table, a pattern's text, or `provider/*`."""


def labelled_targets(snapshot: Snapshot, observed: Iterable[str]) -> list[LabelledTarget]:
    """Every target the file names, and those observed that it only describes; or the description, if none was."""
    listed = [label_target(target, name) for name, target in _every(snapshot)]
    listed += _probed(snapshot, {place.provider for place in listed})
    known = {place.target for place in listed}
    passing = ((target, model_label(snapshot, target)) for target in observed if target not in known)
    seen = [LabelledTarget(target, *split_target_id(target)[:2], name) for target, name in passing if name]
    tried = {(place.label, place.provider, place.region) for place in seen}
    return [place for place in listed if (place.label, place.provider, place.region) not in tried] + seen


def _probed(snapshot: Snapshot, listed: set[str]) -> Iterator[LabelledTarget]:
    """The descriptions of providers that no model names and that are known of all the same, by their probes."""
    for name, targets in snapshot.defaults_by_provider.items():
        if name not in listed:
            yield from (label_target(target, f"{name}/*") for target in targets if target.provider.probe is not None)


def label_target(target: Target, name: str) -> LabelledTarget:
    """The target under that name."""
    return LabelledTarget(target.id, target.provider.name, target.region, name)


def configured_targets(snapshot: Snapshot) -> frozenset[str]:
    """The ids of the targets that the file names; all others are the callers' choice."""
    return frozenset(target.id for _, target in _every(snapshot) if "*" not in target.model)


def group_key(provider: str, region: str = "", model: str = "") -> str:
    """The key of a provider's targets, or of those in a region, under a model's name, or both."""
    return "\n".join((provider, region, model))


def group_keys(snapshot: Snapshot) -> frozenset[str]:
    """The keys of the providers, regions and models that the file names."""
    listed = labelled_targets(snapshot, ())
    regions = (group_key(each.provider, region=each.region) for each in listed)
    models = (group_key(each.provider, model=each.label) for each in listed)
    return frozenset((*map(group_key, snapshot.providers), *regions, *models))


def metric_labels(snapshot: Snapshot, known: frozenset[str], target: str) -> Labels | None:
    """Under which names a target is counted, given those that the file names; None if the file has no place for it."""
    provider, region, model = split_target_id(target)
    name = model if target in known else model_label(snapshot, target)
    return (provider, region, name) if name else None


def model_label(snapshot: Snapshot, target: str) -> str | None:
    """The name under which a target is shown that the file does not name; None if the file has no place for it."""
    provider, region, model = split_target_id(target)
    for pattern in snapshot.patterns:
        for each in pattern.targets:
            here = each.provider.name == provider and each.region == region
            if here and _means(pattern.text, each.model, model):
                return pattern.text
    here = any(each.region == region for each in snapshot.defaults_by_provider.get(provider, ()))
    return f"{provider}/*" if here else None


def split_target_id(target: str) -> tuple[str, str, str]:
    """Provider, region and upstream model of a target's id."""
    provider, _, rest = target.partition("@")
    region, _, model = rest.partition("/")
    return provider, region, model


def _every(snapshot: Snapshot) -> Iterator[tuple[str, Target]]:
    for name, targets in snapshot.models.items():
        yield from ((name, target) for target in targets)
    for pattern in snapshot.patterns:
        yield from ((pattern.text, target) for target in pattern.targets)


@lru_cache(maxsize=8192)
def _means(pattern: str, template: str, model: str) -> bool:
    """Whether a name that the pattern matches becomes this upstream model."""
    # The first star may be anything, and any further one is the same again.
    form = re.escape(template).replace(r"\*", "(.*)", 1).replace(r"\*", r"\1")
    found = re.fullmatch(form, model)
    return found is not None and "*" in template and ModelPattern(pattern, ()).matches(found[1])
