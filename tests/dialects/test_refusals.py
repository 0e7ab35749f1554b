"""Which errors of each provider are about a member that a model refuses, and which member an error names."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects import DIALECTS
from proxy.dialects.refusals import MAX_SEARCHED, RefusalTable, top_level
from proxy.errors import UpstreamErrorResponse


def error(dialect: str, body: Any, status: int = 400) -> UpstreamErrorResponse:
    return DIALECTS[dialect].translate_error(status, {}, orjson.dumps(body))


def openai(message: str, param: str | None = None, code: str | None = None) -> Any:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def anthropic(message: str) -> Any:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def google(message: str) -> Any:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


@pytest.mark.parametrize(
    ("dialect", "body", "member"),
    [
        ("openai", openai("Unsupported value: 'temperature' does not support 0.2", "temperature", "unsupported_value"), "temperature"),
        ("openai", openai("Unsupported parameter: 'max_tokens'", "max_completion_tokens", "unsupported_parameter"), "max_tokens"),
        ("openai", openai("Unsupported value: 'messages[0].role'", "messages[0].role", "unsupported_value"), "messages"),
        ("openai", openai("Invalid 'temperature'", "temperature", "decimal_above_max_value"), None),
        ("anthropic", anthropic("`temperature` is deprecated for this model."), "temperature"),
        ("anthropic", anthropic("`temperature` may only be set to 1 when thinking is enabled."), "temperature"),
        ("anthropic", anthropic("`temperature` and `top_p` cannot both be specified for this model. Please use only one."), "top_p"),
        ("anthropic", anthropic("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens"), "max_tokens"),
        ("anthropic", anthropic("This model does not support the effort parameter."), "reasoning_effort"),
        ("anthropic", anthropic("adaptive thinking is not supported on this model"), "reasoning_effort"),
        ("anthropic", anthropic("messages: at least one message is required"), None),
        ("google", google("Penalty is not enabled for models/gemini-2.5-pro"), "presence_penalty"),
        ("google", google("Budget 0 is invalid. This model only works in thinking mode."), "reasoning_effort"),
        ("google", google("Thinking level is not supported for this model."), "reasoning_effort"),
        ("google", google("JSON mode is not enabled for models/gemma-3-27b-it"), "response_format"),
        ("google", google("Developer instruction is not enabled for models/gemma-3-27b-it"), "messages"),
        ("google", google("Please ensure that the number of function response parts is equal"), None),
        ("mistral", {"message": "reasoning_effort is not enabled for this model", "code": "3051"}, "reasoning_effort"),
        ("mistral", {"message": "Invalid request", "code": "1"}, None),
        ("cohere", {"message": "thinking is not supported by the specified model"}, "reasoning_effort"),
        ("cohere", {"message": "invalid request: all elements in history must have a message"}, None),
        ("compatible", openai("`reasoning_effort` is not supported with this model"), "reasoning_effort"),
        ("compatible", openai("Argument not supported on this model: presencePenalty"), "presence_penalty"),
        ("compatible", {"error": "registry.ollama.ai/library/gemma:2b does not support tools"}, "tools"),
        ("compatible", openai("'messages' must contain the word json"), None),
    ],
)  # fmt: skip
def test_what_a_model_refuses_is_known_by_code_or_message(dialect: str, body: Any, member: str | None) -> None:
    assert DIALECTS[dialect].refusals.refused_by_model(error(dialect, body)) == member


@pytest.mark.parametrize(
    ("dialect", "body", "member"),
    [
        ("openai", openai("Unknown parameter: 'stream_options.x'", "stream_options.x", "unknown_parameter"), "stream_options"),
        ("anthropic", anthropic("stop_sequences.0: cannot be white space"), "stop_sequences"),
        ("google", google("Invalid value at 'generation_config.thinking_config.thinking_budget' (TYPE_INT32), 1e9"), "thinking_config"),
        ("mistral", {"detail": [{"type": "extra_forbidden", "loc": ["body", "random_seed"], "msg": "Extra inputs"}]}, "random_seed"),
        ("cohere", {"message": "invalid request: p must be between 0.01 and 0.99"}, "p"),
        ("cohere", {"message": "no reason"}, None),
    ],
)  # fmt: skip
def test_the_member_that_an_error_names_is_found(dialect: str, body: Any, member: str | None) -> None:
    assert DIALECTS[dialect].refusals.member_of(error(dialect, body)) == member


def test_output_of_the_model_that_is_not_valid_is_no_refusal_by_the_model() -> None:
    found = error("compatible", openai("Failed to call a function", code="tool_use_failed"))
    table = DIALECTS["compatible"].refusals
    assert (table.refused_output(found), table.refused_by_model(found)) == ("tools", None)


@pytest.mark.parametrize(
    ("path", "name"), [("messages[0].role", "messages"), ("messages.0.role", "messages"), ("seed", "seed")]
)
def test_the_top_level_name_of_a_path(path: str, name: str) -> None:
    assert top_level(path) == name


def test_only_the_beginning_of_a_message_is_searched() -> None:
    late = error("anthropic", anthropic("x " * MAX_SEARCHED + "`seed` is not supported"))
    assert DIALECTS["anthropic"].refusals.refused_by_model(late) is None
    assert RefusalTable().member_of(late) is None
