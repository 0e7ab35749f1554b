"""Which 400s of a provider are about one member of the request that another provider or model may take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.errors import UpstreamErrorResponse

MAX_SEARCHED = 1000
"""Characters of a message that patterns search. Some of them take quadratic time."""

ModelMessages = tuple[tuple[re.Pattern[str], str | None], ...]


@dataclass(frozen=True, slots=True)
class RefusalTable:
    """How a provider's errors name a member of the request. Members are named as in its own format."""

    output_codes: Mapping[str, str] = field(default_factory=dict)
    """Codes for output of the model that is not valid, with the member that asked for it."""
    model_codes: frozenset[str] = frozenset({"unsupported_parameter", "unsupported_value"})
    """Codes for a member, or a value of it, that this model refuses. The error names the member as its `param`."""
    model_messages: ModelMessages = ()
    """Messages of the same meaning, with the member, or None for what the pattern's group contains."""
    named_member: re.Pattern[str] | None = None
    """Finds the member that any other message names: its first group."""
    openai_names: Mapping[str, str] = field(default_factory=dict)
    """Members with another name than in OpenAI's format."""

    def refused_output(self, error: UpstreamErrorResponse) -> str | None:
        """Return the member that asked for output which the model did not make right, or None."""
        return self.output_codes.get(error.code)

    def refused_by_model(self, error: UpstreamErrorResponse) -> str | None:
        """Return the member that this model refuses, in OpenAI's words, or None for any other error."""
        if error.code in self.model_codes:
            return self._openai_name(error.param)
        message = str(error)[:MAX_SEARCHED]
        for pattern, member in self.model_messages:
            if (found := pattern.search(message)) is not None:
                return self._openai_name(member or found[1])
        return None

    def member_of(self, error: UpstreamErrorResponse) -> str | None:
        """Return the member that an error names, as the provider calls it, or None."""
        if error.param is not None:
            return top_level(error.param)
        found = self.named_member.search(str(error)[:MAX_SEARCHED]) if self.named_member else None
        return found[1] if found else None

    def openai_name(self, member: str) -> str:
        """Return the name in OpenAI's format of a member."""
        return self.openai_names.get(member, member)

    def _openai_name(self, member: str | None) -> str | None:
        return None if member is None else self.openai_name(top_level(member))


def top_level(path: str) -> str:
    """Return the first name of a path such as `messages[0].role` or `messages.0.role`."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
