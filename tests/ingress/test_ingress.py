"""Each endpoint has a format; every format ends a stream so that its SDKs notice what is missing."""

from __future__ import annotations

import pytest

from proxy.errors import ParrotError
from proxy.ingress import FORMATS, find_format, guess_format
from proxy.ingress.anthropic_messages import ANTHROPIC_MESSAGES
from proxy.ingress.client_format import ClientFormat
from proxy.ingress.gemini import GEMINI
from proxy.ingress.openai_chat import OPENAI_CHAT
from proxy.ingress.openai_responses import OPENAI_RESPONSES
from proxy.ingress.paths import PATHS
from proxy.messages import Request
from proxy.sse import decode, split_frames

ALL = [OPENAI_CHAT, *dict.fromkeys(FORMATS.values())]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("chat", OPENAI_CHAT),
        ("completions", OPENAI_CHAT),
        ("embeddings", OPENAI_CHAT),
        ("messages", ANTHROPIC_MESSAGES),
        ("generate_content", GEMINI),
        ("responses", OPENAI_RESPONSES),
        ("", OPENAI_CHAT),
    ],
)
def test_an_endpoint_has_its_format(endpoint: str, expected: ClientFormat) -> None:
    assert find_format(endpoint) is expected


def test_the_table_names_only_endpoints_that_exist() -> None:
    assert FORMATS.keys() <= set(PATHS.values())


def test_the_formats_have_different_names() -> None:
    assert len({each.name for each in ALL}) == len(ALL)


@pytest.mark.parametrize("one", ALL, ids=lambda each: each.name)
def test_what_is_sent_between_events_is_whole_frames(one: ClientFormat) -> None:
    for data in (one.terminal, one.ping, one.error_event(ParrotError("no"))):
        assert b"".join(split_frames(data)) == data and len(split_frames(data)) == bool(data)
        assert not data or data.endswith(b"\n\n")


@pytest.mark.parametrize("one", ALL, ids=lambda each: each.name)
def test_a_ping_is_nothing_that_a_client_takes_for_a_part_of_the_answer(one: ClientFormat) -> None:
    ping = decode(one.ping)
    assert ping.data is None or ping.name == "ping"


@pytest.mark.parametrize("one", ALL, ids=lambda each: each.name)
def test_an_error_event_has_data_and_is_not_the_terminal_event(one: ClientFormat) -> None:
    event = one.error_event(ParrotError("no\n\ndata: [DONE]"))
    assert decode(event).data and decode(event) != decode(one.terminal or b"data: [DONE]\n\n")
    assert len(split_frames(event)) == 1


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/v1/messages", {}, ANTHROPIC_MESSAGES),
        ("/messages/?beta=true", {}, ANTHROPIC_MESSAGES),
        ("/v1/messages/batches", {}, ANTHROPIC_MESSAGES),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, ANTHROPIC_MESSAGES),
        ("/v1/responses/resp_1", {}, OPENAI_RESPONSES),
        ("/v1/chat/completions", {}, OPENAI_CHAT),
        ("/unknown", {}, OPENAI_CHAT),
        ("/v1beta/models/m:generateContent", {}, GEMINI),
        ("/v1/models/m:streamGenerateContent?key=k", {}, GEMINI),
        ("/v1beta/models", {}, GEMINI),
        ("/v1alpha/unknown", {}, GEMINI),
        ("/v1/models?pageSize=1&key=k", {}, GEMINI),
        ("/v1/models", {"x-goog-api-key": "k"}, GEMINI),
        ("/v1/models", {"x-goog-api-client": "google-genai-sdk/3"}, GEMINI),
        ("/v1/models?monkey=1", {}, OPENAI_CHAT),
        ("/v1/chat/completions?key=k", {"x-goog-api-key": "k"}, OPENAI_CHAT),
    ],
)
def test_the_format_is_known_before_the_endpoint_is(path: str, headers: dict[str, str], expected: ClientFormat) -> None:
    assert guess_format(Request("POST", path, headers)) is expected
