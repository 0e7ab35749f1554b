"""Grades an answer: by the checks of the file, and by the schemas that the request itself demands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.cli.compare.chat_request import Answer, ToolCall
from proxy.cli.compare.json_schema.bounded_regex import RegexTimeoutError, is_found
from proxy.cli.compare.json_schema.validator import TooComplexError, validation_errors
from proxy.cli.compare.prompt_file import Case
from proxy.cli.compare.prompts import KINDS, NOT_GIVEN, Check

_MAX_TITLE_CHARS = 60
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, such as `contains Paris`, and why it failed. None: it is as it should be."""

    title: str
    failure: str | None
    is_demanded: bool = False
    """Whether it follows from the request itself: its schema of the answer, or its tools."""


def grade(case: Case, answer: Answer) -> tuple[Finding, ...]:
    """Return the result of every check of an answer: first of those that follow from the request."""
    if answer.error is not None:
        return ()
    return (*_demanded(case, answer), *(_finding(check, answer) for check in case.checks))


def _demanded(case: Case, answer: Answer) -> Iterator[Finding]:
    """Yield whether the answer is what `response_format` and `tools` of the request demand."""
    if case.answer_schema is not None and not answer.tool_calls:
        yield Finding("answer schema", _json_failure(answer.text, case.answer_schema) or _cut_failure(answer), True)
    if case.tools:
        failures = [failure for call in answer.tool_calls if (failure := _call_failure(call, case.tools))]
        yield Finding(
            "tool calls", "; ".join(failures) or _choice_failure(case.request.get("tool_choice"), answer), True
        )


def _cut_failure(answer: Answer) -> str | None:
    return "the answer was cut at the limit of tokens" if answer.finish_reason == "length" else None


def _call_failure(call: ToolCall, tools: Mapping[str, Any]) -> str | None:
    if call.name not in tools:
        return f"called '{call.name}', which is no tool of the request"
    schema = tools[call.name]
    failure = None if schema is None else _json_failure(call.arguments or "{}", schema)
    return f"{call.name}: {failure}" if failure else None


def _choice_failure(choice: Any, answer: Answer) -> str | None:
    """Return why the calls are not what `tool_choice` demands, or None."""
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        return _tool(Check(tool=name), answer) if isinstance(name, str) else None
    return "no tool was called, which `tool_choice` demands" if choice == "required" and not answer.tool_calls else None


def _json_failure(text: str, schema: Any) -> str | None:
    """Return why a text is not JSON that matches a schema, or None."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "not JSON" + (", but a code block" if text.lstrip().startswith(_FENCE) else "")
    try:
        return "; ".join(validation_errors(value, schema)) or None
    except TooComplexError:
        return "too large or too deeply nested to validate"
    except RegexTimeoutError:
        return "a pattern of the schema takes too long"


def _finding(check: Check, answer: Answer) -> Finding:
    kind = next(name for name in KINDS if getattr(check, name) not in (None, NOT_GIVEN))
    value = "" if kind == "schema" else f" {getattr(check, kind)}"
    title = kind.replace("_", " ") + value
    return Finding(
        title if len(title) <= _MAX_TITLE_CHARS else f"{title[:_MAX_TITLE_CHARS]}…", _CHECKS[kind](check, answer)
    )


def _contains(check: Check, answer: Answer) -> str | None:
    return None if str(check.contains) in answer.text else "not in the answer"


def _not_contains(check: Check, answer: Answer) -> str | None:
    return "in the answer" if str(check.not_contains) in answer.text else None


def _equals(check: Check, answer: Answer) -> str | None:
    return None if answer.text.strip() == str(check.equals).strip() else "the answer is another"


def _regex(check: Check, answer: Answer) -> str | None:
    try:
        return None if is_found(str(check.regex), answer.text) else "no match"
    except RegexTimeoutError:
        return "the expression takes too long"


def _schema(check: Check, answer: Answer) -> str | None:
    return _json_failure(answer.text, check.schema)


def _tool(check: Check, answer: Answer) -> str | None:
    """Return why no call is of the tool, with arguments of the schema if there is one."""
    calls = [call for call in answer.tool_calls if call.name == check.tool]
    if not calls:
        return f"called {', '.join(call.name for call in answer.tool_calls) or 'no tool'}"
    if check.arguments is NOT_GIVEN:
        return None
    failures = [_json_failure(call.arguments or "{}", check.arguments) for call in calls]
    return None if None in failures else f"arguments: {failures[0]}"


_CHECKS: Mapping[str, Callable[[Check, Answer], str | None]] = {
    "contains": _contains,
    "not_contains": _not_contains,
    "equals": _equals,
    "regex": _regex,
    "schema": _schema,
    "tool": _tool,
}
"""Kind of a check -> why an answer does not pass it, or None."""
