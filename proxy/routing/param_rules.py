"""Which parameters of a request a target may lack: those of a chat, or of a request for embeddings or images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from operator import attrgetter
from typing import Any

from msgspec import Struct

from proxy.dialects.contract import Dialect
from proxy.dialects.hub import embeddings, images
from proxy.dialects.hub.params import ESSENTIAL_PARAMS, essential_params

Unsupported = Callable[[Mapping[str, Any], str], tuple[str, ...]]
"""Names the parameters of a body that a model does not support."""


class ParamRules(Struct, frozen=True):
    """How the parameters of one kind of request are checked."""

    essential_of: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Returns what of a body tells whether a target lacks an essential parameter, or {} if it cannot."""
    essential: Set[str]
    """Names of parameters that exclude a target which does not support them. Others are dropped."""
    unsupported_of: Callable[[Dialect], Unsupported]


CHAT = ParamRules(essential_params, frozenset(ESSENTIAL_PARAMS), attrgetter("unsupported_params"))
PARAM_RULES: Mapping[str, ParamRules] = {
    "chat": CHAT,
    "images": ParamRules(
        images.essential_image_params, frozenset(images.ESSENTIAL_PARAMS), attrgetter("unsupported_image_params")
    ),
    "embeddings": ParamRules(
        embeddings.essential_embedding_params,
        frozenset({*embeddings.ESSENTIAL_PARAMS, embeddings.TOKENS}),
        attrgetter("unsupported_embedding_params"),
    ),
}
"""Endpoint of the hub -> its rules. Those of a chat apply to all others."""
