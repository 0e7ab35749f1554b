"""Only the members that routing must change are changed; the rest is the caller's bytes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest
from proxy.dialects.openai.request import build_request
from proxy.errors import InvalidRequestError


def caller_request(raw: bytes, stream: bool = False, model: str = "up") -> CallerRequest:
    return CallerRequest("chat", orjson.loads(raw), raw, model, stream)


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        (b'{"model":"a","messages":[]}', b'{"model":"up","messages":[]}'),
        (b'{"messages":[],"model":"a"}', b'{"messages":[],"model":"up"}'),
        (b'{"messages":[]}', b'{"messages":[],"model":"up"}'),
        (b'{"model":"a","routing":{"provider":"openai"},"n":1}', b'{"model":"up","n":1}'),
        (b'{"routing":1,"n":1,"routing":2,"model":"a"}', b'{"n":1,"model":"up"}'),
        (b'{"n":1,"model":"a","n":2,"model":"b"}', b'{"n":2,"model":"up"}'),
        (rb'{"mod\u0065l":"a","\u0072outing":{}}', b'{"model":"up"}'),
        (b'{"model":"a","stream_options":{"x":1}}', b'{"model":"up","stream_options":{"x":1}}'),
    ],
)
def test_the_model_is_replaced_in_its_place_and_routing_is_removed(raw: bytes, sent: bytes) -> None:
    built = build_request(caller_request(raw))
    assert (built.path, built.body) == ("/chat/completions", sent)


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        (b'{"model":"a"}', {"include_usage": True}),
        (b'{"model":"a","stream_options":null}', {"include_usage": True}),
        (b'{"model":"a","stream_options":{"include_usage":false}}', {"include_usage": True}),
        (b'{"model":"a","stream_options":{"x":1}}', {"x": 1, "include_usage": True}),
    ],
)
def test_usage_is_always_requested_in_streams(raw: bytes, options: dict[str, Any]) -> None:
    assert orjson.loads(build_request(caller_request(raw, stream=True)).body)["stream_options"] == options


def test_the_models_name_is_json_escaped() -> None:
    assert build_request(caller_request(b'{"model":"a"}', model='x"y\\')).body == rb'{"model":"x\"y\\"}'


def test_a_body_nested_too_deeply_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequestError, match="nested too deep"):
        build_request(caller_request(b'{"a":' + b"[" * 1022 + b"]" * 1022 + b"}"))


@pytest.mark.parametrize(
    ("model", "raw", "sent"),
    [
        ("gpt-5.5", b'{"model":"a","max_tokens":100, "x":[1, 2]}', b'{"model":"gpt-5.5","x":[1, 2],"max_completion_tokens":100}'),
        ("o3", b'{"max_tokens":1,"max_completion_tokens": 9,"model":"a"}', b'{"max_completion_tokens":9,"model":"o3"}'),
        ("o3", b'{"max_tokens":1,"max_completion_tokens":null,"model":"a"}', b'{"max_completion_tokens":1,"model":"o3"}'),
        ("gpt-4o", b'{"model":"a","max_tokens": 100}', b'{"model":"gpt-4o","max_tokens":100}'),
    ],
)  # fmt: skip
def test_reasoning_models_get_max_completion_tokens(model: str, raw: bytes, sent: bytes) -> None:
    assert build_request(caller_request(raw, model=model)).body == sent


def test_other_providers_members_do_not_reach_openai() -> None:
    raw = b'{"model":"a","messages":[{"content" :"x"},{"provider":"google","content":"y"}],"tools":[ 1 ]}'
    assert (
        build_request(caller_request(raw)).body
        == b'{"model":"up","messages":[{"content" :"x"},{"content":"y"}],"tools":[ 1 ]}'
    )


@pytest.mark.parametrize(
    ("options", "sent", "warnings"),
    [
        ({"quality": "hd", "size": "1792x1024"}, {"quality": "high", "size": "1536x1024"}, ()),
        ({"quality": "low", "size": "1024x1024"}, {"quality": "low", "size": "1024x1024"}, ()),
        ({"response_format": "b64_json"}, {}, ()),
        ({"response_format": "url", "style": "vivid"}, {}, ("param-dropped;name=response_format", "param-dropped;name=style")),
    ],
)  # fmt: skip
def test_dall_e_options_are_translated_for_gpt_image_models(
    options: dict[str, Any], sent: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    body = {"model": "dall-e-3", "prompt": "a parrot", **options}
    built = build_request(CallerRequest("images", body, orjson.dumps(body), "gpt-image-1.5", stream=False))
    assert orjson.loads(built.body) == {"model": "gpt-image-1.5", "prompt": "a parrot", **sent}
    assert built.warnings == warnings


def test_dall_e_gets_its_options_unchanged() -> None:
    body = {"model": "dall-e-3", "prompt": "a parrot", "style": "vivid", "quality": "hd"}
    assert (
        orjson.loads(build_request(CallerRequest("images", body, orjson.dumps(body), "dall-e-3", stream=False)).body)
        == body
    )


@pytest.mark.parametrize("raw, refused, stream, sent", [
    (b'{"max_tokens":5}', {"max_tokens"}, False, {"max_completion_tokens": 5}), (b'{"max_completion_tokens":5}', {"max_completion_tokens"}, False, {"max_tokens": 5}),
    (b'{"max_tokens":5}', {"max_completion_tokens"}, False, {"max_tokens": 5}), (b'{"stream":true}', {"stream_options"}, True, {"stream": True}),
    (b'{"stream_options":{"include_usage":true}}', {"stream_options", "max_tokens"}, True, {}), (b"{}", {"max_tokens"}, False, {}),
])  # fmt: skip
def test_what_a_deployment_refuses_is_left_out_or_renamed(
    raw: bytes, refused: set[str], stream: bool, sent: dict[str, Any]
) -> None:
    request = CallerRequest("chat", orjson.loads(raw), raw, "prod-chat-eu", stream, refused=frozenset(refused))
    assert orjson.loads(build_request(request).body) == {"model": "prod-chat-eu", **sent}
