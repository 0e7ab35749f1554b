"""Whether a target speaks the format of a client API, or serves it by a translation to the hub."""

from __future__ import annotations

from proxy.config.snapshot import Provider, Target
from proxy.dialects import DIALECTS
from proxy.routing.facts import Facts
from proxy.routing.media import lacking_media

UNSUPPORTED_FEATURE = "unsupported_feature: "
"""Prefix of the reason of a target that lacks what only some vendors have. The member or the tool follows."""
ENDPOINT_UNSUPPORTED = "endpoint_unsupported"
"""Why a target is excluded that lacks the endpoint, or that needs the name of a model."""


def is_native(provider: Provider, facts: Facts) -> bool:
    """Return whether the provider takes the request in its own format."""
    return facts.endpoint in DIALECTS[provider.dialect].paths


def endpoint_exclusion(target: Target, facts: Facts) -> str | None:
    """Return why the target takes the request neither in its own format nor in the hub's, or None if it does."""
    dialect = DIALECTS[target.provider.dialect]
    path = dialect.paths.get(facts.endpoint) or dialect.paths.get(facts.hub_endpoint)
    if path is None:
        return UNSUPPORTED_FEATURE + facts.unsupported_feature if facts.unsupported_feature else ENDPOINT_UNSUPPORTED
    if path in target.unsupported or (not facts.model and facts.endpoint not in dialect.model_optional):
        return ENDPOINT_UNSUPPORTED
    return None


def media_exclusion(provider: Provider, facts: Facts, *, fetches: bool) -> str | None:
    """Return why the provider cannot be sent the request's files and audio, or None if it can.

    `fetches`: whether the sidecar fetches files.
    A provider that takes the client's own format unchanged is asked nothing, where that is not the hub's.
    """
    if facts.hub_endpoint and is_native(provider, facts):
        return None
    lacking = lacking_media(provider.dialect, facts.media, fetches=fetches)
    return UNSUPPORTED_FEATURE + lacking if lacking else None


Reasons = list[tuple[Target, str | None]]
"""Targets, each with why it may not serve the request, or None if it may."""


def without_hosted_tools(reasons: Reasons, facts: Facts, is_kept: bool) -> Reasons:
    """Exclude the targets that lack a hosted tool, if another target has it or if it must be kept in any case."""
    if not is_kept and not any(reason is None and is_native(target.provider, facts) for target, reason in reasons):
        return reasons
    lacking = UNSUPPORTED_FEATURE + ", ".join(facts.hosted_tools)
    return [(target, reason or (None if is_native(target.provider, facts) else lacking)) for target, reason in reasons]
