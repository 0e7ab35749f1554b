"""Loads the file of prompts. All of its errors are reported at once, each with its line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.cli import file
from proxy.cli.compare.json_schema.bounded_regex import regex_error
from proxy.cli.compare.json_schema.problems import schema_problems
from proxy.cli.compare.prompts import NOT_GIVEN, RESERVED, Check, PromptBase, PromptFile
from proxy.config.document import ConfigError, Document, parse, suggestion
from proxy.config.typed_loader import INVALID, Location, TypedLoader

Problem = tuple[str, str]
"""Path in the file, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt as it is sent, except for the model, and what its answers are checked for."""

    name: str
    request: Mapping[str, Any]
    checks: tuple[Check, ...]

    @property
    def tools(self) -> Mapping[str, Any]:
        """The JSON Schema of each tool's arguments, by the tool's name. None: they are any text."""
        return {name: parameters for _, name, parameters in _named_tools(self.request)}

    @property
    def answer_schema(self) -> Any:
        """The JSON Schema that the request demands of the answer, None if it may be any text."""
        demanded = _members(self.request.get("response_format"))
        if demanded.get("type") == "json_object":
            return {"type": "object"}
        return _members(demanded.get("json_schema")).get("schema")


@dataclass(frozen=True, slots=True)
class Cases:
    """What a file contains."""

    models: tuple[str, ...]
    cases: tuple[Case, ...]


def load_cases(path: str) -> Cases:
    """Return the models and prompts of a file. Raises CommandError that lists every problem in it."""
    try:
        document = parse(file.read_file(path), path, "prompts and models")
        cases = _load(document)
        document.raise_if_invalid()
    except ConfigError as error:
        raise file.invalid(error) from error
    return cases


def _load(document: Document) -> Cases:
    loader = TypedLoader(document, {}, file.read_file, expands=False)
    loaded = loader.load(Location(document.root, ""), PromptFile)
    if loaded is INVALID:
        return Cases((), ())
    if not loaded.prompts:
        document.add_error("prompts", "must have at least one prompt")
    cases: dict[str, Case] = {}
    for number, prompt in enumerate(loaded.prompts):
        if prompt is not INVALID:
            case = Case(prompt.name or f"prompt {number + 1}", prompt.request, _valid(prompt.checks))
            for path, message in _problems(prompt, case, cases):
                document.add_error(f"prompts[{number}]{path}", message)
            cases[case.name] = case
    return Cases(tuple(dict.fromkeys(_valid(loaded.models))), tuple(cases.values()))


def _valid(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value for value in values if value is not INVALID)


def _problems(prompt: PromptBase, case: Case, before: Mapping[str, Case]) -> Iterator[Problem]:
    """Yield what is wrong with a prompt whose members have the right types."""
    if case.name in before:
        yield ".name", f"another prompt is called '{case.name}' too"
    if prompt.messages is not NOT_GIVEN and not _are_messages(prompt.messages):
        yield ".messages", "must be a list of messages, each with a `role`"
    yield from _extra_body_problems(prompt.extra_body)
    if not isinstance(case.request.get("stream", True), bool):
        yield ".stream", "must be true or false"
    yield from _schema_problems(".response_format.json_schema.schema", case.answer_schema)
    for index, _, parameters in _named_tools(case.request):
        yield from _schema_problems(f".tools[{index}].function.parameters", parameters)
    for index, check in enumerate(prompt.checks):
        if check is not INVALID:
            for kind, problems in _CHECK_PROBLEMS.items():
                if (value := getattr(check, kind)) not in (None, NOT_GIVEN):
                    yield from problems(f".checks[{index}].{kind}", value, case)


def _are_messages(value: Any) -> bool:
    return (
        isinstance(value, list) and value != [] and all(isinstance(_members(each).get("role"), str) for each in value)
    )


def _extra_body_problems(value: Any) -> Iterator[Problem]:
    if value is not NOT_GIVEN and not isinstance(value, dict):
        yield ".extra_body", "must be a mapping of members of the request"
    for name in sorted(RESERVED & _members(value).keys()):
        yield f".extra_body.{name}", "is not allowed here; what can be set is a key of the prompt"


def _schema_problems(path: str, schema: Any) -> Iterator[Problem]:
    if schema is not None:
        yield from ((f"{path}{inner}", message) for inner, message in schema_problems(schema))


def _schema_check(path: str, schema: Any, case: Case) -> Iterator[Problem]:
    return _schema_problems(path, schema)


def _regex_check(path: str, pattern: str, case: Case) -> Iterator[Problem]:
    if (error := regex_error(pattern)) is not None:
        yield path, error


def _tool_check(path: str, name: str, case: Case) -> Iterator[Problem]:
    if name not in case.tools:
        yield path, f"the prompt has no tool '{name}'{suggestion(name, list(case.tools))}"


_CHECK_PROBLEMS: Mapping[str, Callable[[str, Any, Case], Iterator[Problem]]] = {
    "regex": _regex_check,
    "schema": _schema_check,
    "tool": _tool_check,
    "arguments": _schema_check,
}
"""Kind of a check -> what is wrong with its value."""


def _named_tools(request: Mapping[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """Yield the position, name and parameters of each tool that is called by name. A custom tool has None."""
    tools = request.get("tools")
    for index, tool in enumerate(map(_members, tools if isinstance(tools, list) else ())):
        function = _members(tool.get("function"))
        name = function.get("name") or _members(tool.get("custom")).get("name")
        if isinstance(name, str):
            yield index, name, function.get("parameters", True) if function else None


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
