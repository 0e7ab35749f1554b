"""Changes a request's members as the file says for a target (`params`), before it is translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.schema import NO_PARAMS, TargetParams
from proxy.dialects.hub.params import drop_warnings
from proxy.dialects.hub.request_members import replace_members


def apply_params(body: Mapping[str, Any], raw: bytes, params: TargetParams) -> tuple[Mapping[str, Any], bytes]:
    """Return the request, parsed and as bytes, with the members of `params`.

    A member in `default` is added where the request has none, one in `set` always. Those in `drop` are removed.
    """
    if params == NO_PARAMS:
        return body, raw
    defaults = {name: value for name, value in params.default.items() if name not in body}
    changes = {**defaults, **params.set}
    kept = {name: value for name, value in body.items() if name not in params.drop}
    return {**kept, **changes}, replace_members(raw, changes, drop=params.drop)


def params_warnings(body: Mapping[str, Any], params: TargetParams) -> tuple[str, ...]:
    """Return a warning for each member of the request that is dropped."""
    return drop_warnings(name for name in params.drop if name in body) if params.drop else ()
