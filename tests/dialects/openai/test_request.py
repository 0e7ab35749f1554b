"""Only the members that routing must change are changed; the rest is the caller's bytes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.openai.request import build_request
from proxy.errors import InvalidRequestError

ODD = (
    b'"z": [ 1, 123456789012345678901234567890, 1.0, 1.50e0, -0.0 ,1E5]',
    rb'"a": "\u00e9\/\u2028\ud83d\ude00\t" ',
    b'"tools": [{"b": 1 , "a" :2,"b":3}]',
    b'"metadata" : { }',
    '"é": "ü"'.encode(),
)


def call(raw: bytes, stream: bool = False, model: str = "up") -> CallerRequest:
    return CallerRequest("chat", orjson.loads(raw), raw, model, stream)


def test_untouched_subtrees_stay_byte_for_byte_in_their_order() -> None:
    body = replace_members(b'{ "model":"a", ' + b" , ".join(ODD) + b"}", {"model": "up"})
    assert body == (
        b'{"model":"up","z":[ 1, 123456789012345678901234567890, 1.0, 1.50e0, -0.0 ,1E5],'
        rb'"a":"\u00e9\/\u2028\ud83d\ude00\t","tools":[{"b": 1 , "a" :2,"b":3}],"metadata":{ },' + '"é":"ü"}'.encode()
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["messages", "model", "routing", "tools", "x", "y"]), JSON))
def test_nothing_but_the_model_and_routing_differs(body: dict[str, Any]) -> None:
    sent = orjson.loads(replace_members(orjson.dumps(body), {"model": "up"}))
    assert sent == {name: value for name, value in body.items() if name != "routing"} | {"model": "up"}


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
def test_the_model_is_replaced_in_its_place_and_routing_goes_nowhere(raw: bytes, sent: bytes) -> None:
    asking = build_request(call(raw))
    assert (asking.path, asking.body) == ("/chat/completions", sent)


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        (b'{"model":"a"}', {"include_usage": True}),
        (b'{"model":"a","stream_options":null}', {"include_usage": True}),
        (b'{"model":"a","stream_options":{"include_usage":false}}', {"include_usage": True}),
        (b'{"model":"a","stream_options":{"x":1}}', {"x": 1, "include_usage": True}),
    ],
)
def test_a_stream_is_always_asked_for_its_usage(raw: bytes, options: dict[str, Any]) -> None:
    assert orjson.loads(build_request(call(raw, stream=True)).body)["stream_options"] == options


def test_a_models_name_is_quoted_as_json() -> None:
    assert build_request(call(b'{"model":"a"}', model='x"y\\')).body == rb'{"model":"x\"y\\"}'


def test_a_body_nested_beyond_reading_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequestError, match="nested too deep"):
        build_request(call(b'{"a":' + b"[" * 1022 + b"]" * 1022 + b"}"))


@pytest.mark.parametrize(
    ("model", "raw", "sent"),
    [
        ("gpt-5.5", b'{"model":"a","max_tokens":100, "x":[1, 2]}', b'{"model":"gpt-5.5","x":[1, 2],"max_completion_tokens":100}'),
        ("o3", b'{"max_tokens":1,"max_completion_tokens": 9,"model":"a"}', b'{"max_completion_tokens":9,"model":"o3"}'),
        ("o3", b'{"max_tokens":1,"max_completion_tokens":null,"model":"a"}', b'{"max_completion_tokens":1,"model":"o3"}'),
        ("gpt-4o", b'{"model":"a","max_tokens": 100}', b'{"model":"gpt-4o","max_tokens":100}'),
    ],
)  # fmt: skip
def test_models_that_think_get_their_limit_under_its_newer_name(model: str, raw: bytes, sent: bytes) -> None:
    assert build_request(call(raw, model=model)).body == sent


def test_other_providers_members_do_not_reach_openai() -> None:
    raw = b'{"model":"a","messages":[{"content" :"x"},{"provider":"google","content":"y"}],"tools":[ 1 ]}'
    assert (
        build_request(call(raw)).body == b'{"model":"up","messages":[{"content" :"x"},{"content":"y"}],"tools":[ 1 ]}'
    )


@pytest.mark.parametrize(
    ("asked", "sent", "warnings"),
    [
        ({"quality": "hd", "size": "1792x1024"}, {"quality": "high", "size": "1536x1024"}, ()),
        ({"quality": "low", "size": "1024x1024"}, {"quality": "low", "size": "1024x1024"}, ()),
        ({"response_format": "b64_json"}, {}, ()),
        ({"response_format": "url", "style": "vivid"}, {}, ("param-dropped;name=response_format", "param-dropped;name=style")),
    ],
)  # fmt: skip
def test_what_was_asked_of_dall_e_is_asked_of_its_successor(
    asked: dict[str, Any], sent: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    body = {"model": "dall-e-3", "prompt": "a parrot", **asked}
    asking = build_request(CallerRequest("images", body, orjson.dumps(body), "gpt-image-1.5", stream=False))
    assert orjson.loads(asking.body) == {"model": "gpt-image-1.5", "prompt": "a parrot", **sent}
    assert asking.warnings == warnings


def test_a_model_of_that_time_is_asked_as_it_was() -> None:
    body = {"model": "dall-e-3", "prompt": "a parrot", "style": "vivid", "quality": "hd"}
    assert (
        orjson.loads(build_request(CallerRequest("images", body, orjson.dumps(body), "dall-e-3", stream=False)).body)
        == body
    )
