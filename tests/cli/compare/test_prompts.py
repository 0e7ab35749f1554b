"""The keys of a prompt become members of the request."""

from __future__ import annotations

import pytest

from proxy.cli.compare.prompts import Check, Prompt
from proxy.config.field_docs import field_docs


def test_members_of_the_request_are_sent_as_they_are() -> None:
    prompt = Prompt(prompt="Hi", system="Be brief", temperature=0, stop=None, extra_body={"safe_prompt": True})
    assert prompt.request == {
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}],
        "temperature": 0,
        "stop": None,
        "safe_prompt": True,
    }


def test_messages_are_sent_behind_the_system_message() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert Prompt(messages=messages, system="S").request["messages"] == [{"role": "system", "content": "S"}, *messages]


@pytest.mark.parametrize("members", [{}, {"prompt": "a", "messages": []}])
def test_a_prompt_has_one_source_of_its_messages(members: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must have either prompt or messages"):
        Prompt(**members)


@pytest.mark.parametrize(("members", "message"), [
    ({}, "has none"),
    ({"contains": "a", "tool": "b"}, "has contains and tool"),
    ({"contains": "a", "arguments": {}}, "arguments: needs `tool`"),
])  # fmt: skip
def test_a_check_is_of_one_kind(members: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Check(**members)  # type: ignore[arg-type]


def test_every_key_of_a_check_is_documented() -> None:
    assert set(field_docs(Check)) == set(Check.__struct_fields__)
