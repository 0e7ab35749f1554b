"""A request of any client API has the same facts as the chat that it is translated to."""

from __future__ import annotations

import pytest

from proxy.errors import InvalidRequestError
from proxy.routing.client_request import read_request
from proxy.routing.facts import parse_facts
from tests.fake_format import ENDPOINT, fake_format

__all__ = ["fake_format"]
pytestmark = pytest.mark.usefixtures("fake_format")
ASK = "What is a parrot? " * 40


def test_a_chat_is_read_as_it_is() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    read = read_request("chat", body)
    assert (read.params, read.hub, read.failure) == (body, None, None)
    assert (read.facts.endpoint, read.facts.hub_endpoint) == ("chat", "")


def test_another_format_has_the_facts_of_its_translation() -> None:
    read = read_request(ENDPOINT, {"model": "m", "ask": ASK, "stream": True, "max_tokens": 7, "hosted": ["search"]})
    chat = read_request("chat", {"model": "m", "messages": [{"role": "user", "content": ASK}]})
    facts = read.facts
    assert (facts.endpoint, facts.hub_endpoint, facts.hosted_tools) == (ENDPOINT, "chat", ("search",))
    assert (facts.model, facts.stream, facts.max_tokens) == ("m", True, 7)
    assert facts.prompt_tokens == chat.facts.prompt_tokens
    assert read.hub is not None and read.params == read.hub.body


def test_a_request_to_embed_has_the_facts_of_one_for_embeddings() -> None:
    content = {"content": {"parts": [{"text": ASK}]}}
    for endpoint, body in (("embed_content", content), ("batch_embed_contents", {"requests": [content] * 3})):
        facts = read_request(endpoint, {"model": "m", **body}).facts
        assert (facts.endpoint, facts.hub_endpoint, facts.stream) == (endpoint, "embeddings", False)
        assert facts.longest_input_tokens == len(ASK) // 4 <= facts.prompt_tokens


def test_what_has_no_translation_has_the_facts_of_its_own_members() -> None:
    read = read_request(ENDPOINT, {"model": "m", "input": ASK, "stream": True, "only_native": 1})
    assert (read.facts.unsupported_feature, read.facts.hub_endpoint) == ("only_native", "")
    assert read.facts.stream and read.facts.prompt_tokens > 100
    assert read.hub is None and read.params == {} and read.failure is not None


@pytest.mark.parametrize("members", [{"messages": [{"role": "user", "content": "Hi"}]}, {"ask": "Hi"}])
def test_native_members_are_no_parameters_but_count_as_prompt(members: dict[str, object]) -> None:
    endpoint = "chat" if "messages" in members else ENDPOINT
    native = {"anthropic": {"system": ASK}, "google": {"store": True}}
    plain, read = (read_request(endpoint, {"model": "m", **members, **more}) for more in ({}, native))
    assert read.facts.prompt_tokens > plain.facts.prompt_tokens + 100
    assert plain.facts.is_plain_text and not read.facts.is_plain_text
    assert read.params == plain.params and plain.params.keys().isdisjoint(native)
    if read.hub is not None and plain.hub is not None:
        assert read.hub.body == {**plain.hub.body, **native}


def test_a_native_member_is_checked() -> None:
    with pytest.raises(InvalidRequestError, match="'anthropic' must be an object"):
        read_request(ENDPOINT, {"model": "m", "ask": "Hi", "anthropic": 1})


def test_what_a_caller_names_is_bounded_in_the_facts() -> None:
    facts = read_request(ENDPOINT, {"model": "m", "ask": "Hi", "hosted": ["x" * 1000] * 1000}).facts
    assert facts.hosted_tools == ("x" * 64,) * 20


def test_a_member_of_the_wrong_type_is_named() -> None:
    with pytest.raises(InvalidRequestError, match="'model' must be a string"):
        read_request(ENDPOINT, {"model": 5, "only_native": 1})


def test_the_tokens_of_anthropics_messages_are_estimated_without_a_translation() -> None:
    body = {"model": "m", "max_tokens": 9, "system": ASK, "messages": [{"role": "user", "content": ASK}]}
    facts = parse_facts("messages", body)
    assert facts.max_tokens == 9 and facts.prompt_tokens > 300
