"""Fuzzed too: tools of every form on their way to functions and back, and members that are merged into a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from proxy.dialects import DIALECTS
from proxy.dialects.hub.merge_patch import merge_members
from proxy.dialects.hub.tool_form_answers import ToolFormStream, with_tool_forms
from proxy.dialects.hub.tool_forms import ToolForms, as_functions
from proxy.dialects.lenient_json import serialize
from proxy.errors import InvalidRequestError, MalformedResponse
from proxy.routing.client_request import read_request
from proxy.routing.facts import parse_json_object
from proxy.routing.native_members import native_members, without_limits, without_native_members
from proxy.sse import split_frames
from tests.fuzz.checks import check_events, check_json

FORMS = (ToolForms(is_legacy=True), ToolForms(custom=frozenset("fg")))


class AsItIs:
    """A stream that is in the hub's format already."""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


def read_tools(data: bytes) -> None:
    """A request has functions only, or is an InvalidRequestError."""
    with suppress(InvalidRequestError):
        body = parse_json_object(data)
        changes, _ = as_functions(body)
        check_json(serialize(changes))
        assert as_functions({**body, "functions": None, "function_call": None, **changes})[0].keys() <= {"messages"}


def write_calls(hub: bytes) -> None:
    """An answer of the hub has its calls in each form, or is a MalformedResponse."""
    for forms in FORMS:
        with suppress(MalformedResponse, ValueError):  # it is not JSON
            check_json(with_tool_forms(hub, forms))


def write_streamed_calls(hub: bytes) -> None:
    """A stream of the hub has its calls in each form."""
    try:
        check_events(hub)
    except ValueError:
        return  # as the hub's are JSON
    for forms in FORMS:
        stream = ToolFormStream(AsItIs(), forms)
        with suppress(MalformedResponse):
            check_events(b"".join(map(stream.feed, split_frames(hub))) + stream.end())


def read_native_members(data: bytes) -> None:
    """A request's native members are merged into any request, or are an InvalidRequestError."""
    with suppress(InvalidRequestError):
        body = parse_json_object(data)
        read_request("chat", body)
        plain = serialize(without_native_members(body))
        for name, dialect in DIALECTS.items():
            members = without_limits(native_members(body, name), name)
            check_json(merge_members(plain, members, dialect.native_rules.spelling))


def tool_targets() -> Iterator[tuple[str, Callable[[bytes], object], Iterable[str]]]:
    """Yield each target with the files to begin with."""
    yield "tools", read_tools, ["fuzz/seeds/*.tools.json"]
    yield "tools-answer", write_calls, ["ingress/*/answers/*.hub.json"]
    yield "tools-stream", write_streamed_calls, ["ingress/*/streams/*.hub.sse"]
    yield "native-members", read_native_members, ["fuzz/seeds/*.native.json"]
