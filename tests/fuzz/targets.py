"""What is fuzzed: `TARGETS`, each a function of bytes that raises only if something is wrong, and files to begin with.

The errors of the project are no failure where they are documented. Whatever comes out must be JSON, or events of it, and must
be the same however the input is cut.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from proxy.dialects import DIALECTS
from proxy.dialects.contract import CallerRequest, ResponseContext, error_from_exception
from proxy.dialects.lenient_json import serialize
from proxy.errors import InvalidRequestError, MalformedResponse, ParrotError, UpstreamTimeout
from proxy.ingress import FORMATS
from proxy.ingress.client_format import AnswerContext, ClientFormat
from proxy.ingress.multipart import Form, FormScanner
from proxy.routing.facts import parse_facts, parse_json_object
from proxy.routing.param_rules import CHAT, PARAM_RULES
from proxy.sse import EventTooLargeError, Framer, data_of, decode, encode, split_frames
from proxy.upstream.http1.content_encoding import ContentDecodingError
from proxy.upstream.http1.parser import ResponseParser
from tests.fuzz.checks import check_events, check_json
from tests.fuzz.tool_targets import tool_targets

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
"""Inputs that once failed, in a folder for each target."""
PIECE_BYTES = 7

MODELS: Mapping[str, tuple[str, ...]] = {
    "openai": ("gpt-4.1", "gpt-5"),
    "anthropic": ("claude-opus-4-5", "claude-opus-5"),
    "google": ("gemini-2.5-pro", "gemini-3-pro"),
    "mistral": ("mistral-large", "magistral-medium"),
    "cohere": ("command-a", "command-a-reasoning"),
    "compatible": ("llama",),
}
"""Models of each dialect that are translated for in different ways."""

HUB_ANSWER = serialize(
    {"id": "a", "object": "chat.completion", "created": 1, "model": "m",
     "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}
)  # fmt: skip
HUB_STREAM = (
    encode(
        serialize(
            {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
        )
    )
    + encode(b"[DONE]")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One function that reads what others have written."""

    run: Callable[[bytes], object]
    patterns: tuple[str, ...]
    """Of the files to begin with, below `tests/`."""

    def seeds(self) -> list[bytes]:
        """Return the files to begin with."""
        files = chain.from_iterable(sorted(HERE.parent.glob(pattern)) for pattern in self.patterns)
        return [file.read_bytes() for file in files]


def in_pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def read_frames(data: bytes) -> None:
    """No byte is lost, and frames are the same in any pieces."""
    framer, whole = Framer(), split_frames(data)
    frames = list(chain.from_iterable(map(framer.feed, in_pieces(data))))
    rest = framer.flush()
    assert [*frames, rest] == whole or (frames == whole and not rest)
    assert b"".join(whole) == data
    for frame in whole:
        assert decode(frame).data == data_of(frame)


def read_http(data: bytes) -> None:
    """A response is parsed, or refused for a reason, in any pieces."""
    outcomes = []
    for pieces in ([data], in_pieces(data)):
        parser = ResponseParser()
        for piece in pieces:
            parser.feed(piece)
        outcomes.append((parser.complete, parser.status, parser.headers, parser.error is None, b"".join(parser.body)))
        with suppress(ContentDecodingError):
            for part in parser.body if parser.decoder else ():
                list(parser.decoder.decode(part))
        parser.close()
    assert outcomes[0] == outcomes[1]


def unexpected(error: Exception) -> ParrotError:
    """Raise an exception that would be logged as a bug, and return the error for any other."""
    if isinstance(error, (ParrotError, EventTooLargeError)):
        return error_from_exception(error)
    raise error


def response_context(endpoint: str) -> ResponseContext:
    return ResponseContext(
        provider="p",
        model="m",
        id="chatcmpl-1",
        created=1,
        on_exception=unexpected,
        endpoint=endpoint,
        response_options={"count": 2, "is_base64": True, "is_normalized": True, "dtype": "float"},
    )


def translated_formats() -> dict[str, ClientFormat]:
    """Return the client formats that are translated from and to chats, by name."""
    return {each.name: each for each in FORMATS.values() if each.request_to_hub and each.hub_endpoint == "chat"}


@cache
def echo_of(name: str) -> Mapping[str, Any]:
    """Return what answers repeat of the first file that is a request of that format."""
    client_format = translated_formats()[name]
    assert client_format.request_to_hub is not None
    file = min(file for file in HERE.parent.glob(f"ingress/{name}/requests/*.json") if ".hub." not in file.name)
    return client_format.request_to_hub(json.loads(file.read_bytes())).echo


def answer_context(echo: Mapping[str, Any]) -> AnswerContext:
    return AnswerContext("r1", 1, "asked", echo, 7)


def read_stream(dialect: str, endpoint: str, data: bytes) -> None:
    """A provider's stream becomes events, and those the events of every client format."""
    translated = []
    for pieces in ([data], in_pieces(data)):
        context = response_context(endpoint)
        transform = DIALECTS[dialect].stream_translator(context)
        translated.append(b"".join([*map(transform.feed, pieces), transform.end()]))
        assert isinstance(context.answer.model or "", str) and isinstance(context.answer.id or "", str)
    assert translated[0] == translated[1]
    check_events(translated[0])
    for frame in split_frames(data):
        DIALECTS[dialect].has_content(decode(frame))
    if endpoint == "chat":
        for name in translated_formats():
            write_stream(name, echo_of(name), translated[0])


def write_stream(name: str, echo: Mapping[str, Any], hub: bytes) -> None:
    """A stream of the hub becomes a client format's, and its end and an error can be told at any time."""
    make = translated_formats()[name].stream_from_hub
    assert make is not None
    error, frames = UpstreamTimeout("late"), split_frames(hub)
    whole, single = make(answer_context(echo)), make(answer_context(echo))
    written = whole.feed(b"".join(frames)) if frames else b""
    assert written == b"".join(map(single.feed, frames))
    check_events(written + single.fail(error))
    check_events(whole.end() + whole.fail(error))
    assert whole.kept_chars >= 0


def read_answer(dialect: str, endpoint: str, data: bytes) -> None:
    """A provider's answer becomes one of the hub, and that one of every client format, or is a MalformedResponse."""
    with suppress(MalformedResponse):
        translated = DIALECTS[dialect].translate_response(data, response_context(endpoint))
        check_json(translated)
        if endpoint == "chat":
            for name in translated_formats():
                write_answer(name, echo_of(name), translated)


def write_answer(name: str, echo: Mapping[str, Any], hub: bytes) -> None:
    """An answer of the hub becomes a client format's, or is a MalformedResponse."""
    translate = translated_formats()[name].response_from_hub
    assert translate is not None
    with suppress(MalformedResponse):
        check_json(translate(hub, answer_context(echo)))


def read_error(dialect: str, data: bytes) -> None:
    """A provider's error becomes one in every client format."""
    for status in (400, 429, 500):
        error = DIALECTS[dialect].translate_error(status, {}, data)
        for client_format in FORMATS.values():
            check_json(client_format.error_body(error))
            check_events(client_format.error_event(error))


def build_request(dialect: str, endpoint: str, data: bytes) -> None:
    """A request becomes the provider's, or an InvalidRequestError."""
    with suppress(InvalidRequestError):
        body = parse_json_object(data)
        parse_facts(endpoint, body)
        _build(dialect, CallerRequest(endpoint, body, data, "", False))


def _build(dialect: str, request: CallerRequest) -> None:
    for model in MODELS[dialect]:
        PARAM_RULES.get(request.endpoint, CHAT).unsupported_of(DIALECTS[dialect])(request.body, model)
        for stream in (False, True):
            call = CallerRequest(request.endpoint, request.body, request.raw, model, stream)
            with suppress(InvalidRequestError):
                built = DIALECTS[dialect].build_request(call)
                for part in built.parts or (built,):
                    check_json(part.body)


def read_request(name: str, data: bytes) -> None:
    """A client's request becomes one of the hub, and that one of every provider; its answer can be told."""
    translate = translated_formats()[name].request_to_hub
    assert translate is not None
    with suppress(InvalidRequestError):
        hub = translate(parse_json_object(data))
        raw = serialize(hub.body)
        parse_facts("chat", hub.body)
        assert all(isinstance(text, str) for text in (*hub.warnings, *hub.hosted_tools))
        write_answer(name, hub.echo, HUB_ANSWER)
        write_stream(name, hub.echo, HUB_STREAM)
        for dialect in MODELS:
            _build(dialect, CallerRequest("chat", hub.body, raw, "", False))


def read_embeddings_request(endpoint: str, data: bytes) -> None:
    """A client's request to embed texts becomes one of the hub, and that one of every provider with embeddings."""
    translate = FORMATS[endpoint].request_to_hub
    assert translate is not None
    with suppress(InvalidRequestError):
        hub = translate(parse_json_object(data))
        parse_facts("embeddings", hub.body)
        for dialect in MODELS:
            if "embeddings" in DIALECTS[dialect].paths:
                _build(dialect, CallerRequest("embeddings", hub.body, serialize(hub.body), "", False))


def read_form(data: bytes) -> None:
    """The same is read of a form in any pieces, and what is changed in it is its model alone."""
    whole, cut = read_parts([data]), read_parts(in_pieces(data))
    assert (whole is None) == (cut is None)
    if whole is not None and cut is not None:
        assert (whole.fields, whole.model) == (cut.fields, cut.model)
        renamed = read_parts([b"".join(whole.beginning_with("other"))])
        assert renamed is not None and renamed.fields == {**whole.fields, "model": "other"}


def read_parts(parts: Iterable[bytes]) -> Form | None:
    """Return the form in these parts, None if it is refused or lacks a model."""
    scanner = FormScanner(b"xyz", 2**16)
    with suppress(InvalidRequestError):
        for part in parts:
            if scanner.form is None:
                scanner.feed(part)
        scanner.end()
    return scanner.form if scanner.form is not None and scanner.form.model is not None else None


def _targets() -> Iterator[tuple[str, Callable[[bytes], object], Iterable[str]]]:
    yield "framer", read_frames, ["dialects/*/streams/*"]
    yield from tool_targets()
    yield "form", read_form, ["fuzz/seeds/*.form"]
    yield "http1", read_http, ["fuzz/seeds/*.http"]
    for name in translated_formats():
        yield f"request-{name}", partial(read_request, name), [f"ingress/{name}/requests/*"]
        yield f"answer-{name}", partial(write_answer, name, echo_of(name)), ["ingress/*/answers/*.hub.json"]
        yield f"stream-{name}", partial(write_stream, name, echo_of(name)), ["ingress/*/streams/*.hub.sse"]
    for endpoint in (endpoint for endpoint, each in FORMATS.items() if each.hub_endpoint == "embeddings"):
        yield f"request-{FORMATS[endpoint].name}", partial(read_embeddings_request, endpoint), [_EMBEDDINGS]
    for name in MODELS:
        yield f"error-{name}", partial(read_error, name), [f"dialects/{name}/answers/*", "fuzz/seeds/*.error.json"]
        for endpoint in DIALECTS[name].paths:
            yield from _endpoint_targets(name, endpoint)


def _endpoint_targets(name: str, endpoint: str) -> Iterator[tuple[str, Callable[[bytes], object], Iterable[str]]]:
    """Yield the targets of a dialect's endpoint. Hosts of OpenAI's format share its files."""
    native = FORMATS[endpoint].name if endpoint in FORMATS else ""
    folder = f"ingress/{native}" if native in translated_formats() else f"dialects/{name}"
    general = ["dialects/compatible", "dialects/mistral"] if folder == "dialects/openai" else [folder]
    label = name if endpoint == "chat" else f"{name}-{endpoint}"
    more = [_EMBEDDINGS] if "embed" in endpoint else []
    yield (
        f"request-{label}",
        partial(build_request, name, endpoint),
        [*_below([*general, "ingress/*"], "requests"), *more],
    )
    yield f"answer-{label}", partial(read_answer, name, endpoint), [*_below(general, "answers"), *more]
    yield f"stream-{label}", partial(read_stream, name, endpoint), _below(general, "streams")


_EMBEDDINGS = "fuzz/seeds/*.embeddings.json"


def _below(folders: Iterable[str], kind: str) -> list[str]:
    return [f"{folder}/{kind}/*" for folder in folders]


TARGETS: Mapping[str, Target] = {name: Target(run, tuple(patterns)) for name, run, patterns in _targets()}
"""Name -> target. A new dialect, endpoint or client format is among them by itself."""
