"""The types of the file of prompts.

The first docstring line of each class describes it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, defstruct

from proxy.config.plain_values import JsonValue
from proxy.config.texts import PLAIN_TEXT

NOT_GIVEN: Any = object()
"""The value of a key that the file does not have. `null` is a value."""

PlainText = Annotated[str, Meta(pattern=PLAIN_TEXT)]


class Check(Struct, frozen=True, kw_only=True):
    """What an answer must be like. Exactly one of its keys, but `arguments` only next to `tool`."""

    contains: str | None = None
    """A text in the answer, in the same letter case."""
    not_contains: str | None = None
    """A text that must not be in it."""
    equals: str | None = None
    """The whole answer, without white space around it."""
    regex: str | None = None
    """A regular expression of Python that matches anywhere in the answer."""
    schema: JsonValue = NOT_GIVEN
    """A JSON Schema of the answer, which must then be JSON."""
    tool: str | None = None
    """A tool that must be called."""
    arguments: JsonValue = NOT_GIVEN
    """A JSON Schema of the arguments of a call of `tool`."""

    def __post_init__(self) -> None:
        given = [name for name in KINDS if getattr(self, name) not in (None, NOT_GIVEN)]
        if len(given) != 1:
            raise ValueError(f"must have exactly one of {', '.join(KINDS)}; has {' and '.join(given) or 'none'}")
        if self.arguments is not NOT_GIVEN and self.tool is None:
            raise ValueError("arguments: needs `tool`, whose call it checks")


KINDS = tuple(name for name in Check.__struct_fields__ if name != "arguments")

_CHAT_MEMBERS = (
    "audio", "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata", "modalities",
    "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "reasoning_effort", "response_format",
    "routing", "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "temperature", "tool_choice",
    "tools", "top_k", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
)  # fmt: skip
"""Members of a chat request that a prompt may have as keys of its own. Others are written in `extra_body`."""
RESERVED = frozenset((*_CHAT_MEMBERS, "model", "messages", "n", "stream_options"))
"""Members that `extra_body` may not have."""


class PromptBase(Struct, frozen=True, kw_only=True):
    """A prompt: its messages, any other members of a chat request, and the checks of its answers."""

    name: PlainText | None = None
    """Shown in the results. By default `prompt 1` and so on."""
    prompt: str | None = None
    """The message of the user. Instead of `messages`."""
    system: str | None = None
    """The system message in front."""
    messages: JsonValue = NOT_GIVEN
    """The messages of the request."""
    checks: tuple[Check, ...] = ()
    """What the answers must be like."""
    extra_body: JsonValue = NOT_GIVEN
    """Further members of the request, such as those of one provider alone."""

    def __post_init__(self) -> None:
        if (self.prompt is None) == (self.messages is NOT_GIVEN):
            raise ValueError("must have either prompt or messages")

    @property
    def request(self) -> dict[str, Any]:
        """The request without its model. What has a wrong type in the file is left out."""
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        own = self.messages if self.prompt is None else [{"role": "user", "content": self.prompt}]
        members = {name: getattr(self, name) for name in _CHAT_MEMBERS}
        return {
            "messages": [*system, *(own if isinstance(own, list) else ())],
            **{name: value for name, value in members.items() if value is not NOT_GIVEN},
            **(self.extra_body if isinstance(self.extra_body, dict) else {}),
        }


Prompt = defstruct(
    "Prompt",
    [(name, JsonValue, NOT_GIVEN) for name in _CHAT_MEMBERS],
    bases=(PromptBase,),
    frozen=True,
    kw_only=True,
    module=__name__,
)
"""A PromptBase that may also have the members of a chat request."""


class PromptFile(Struct, frozen=True, kw_only=True):
    """A file of prompts."""

    models: tuple[PlainText, ...] = ()
    """The models to compare, each a model's name or `provider/model`."""
    prompts: tuple[Prompt, ...]  # type: ignore[valid-type]
    """What each of them is asked."""
