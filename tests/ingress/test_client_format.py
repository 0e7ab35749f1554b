"""A client format is an immutable value, and what it carries shows no prompt."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from proxy.ingress.client_format import HubRequest
from proxy.ingress.openai_chat import OPENAI_CHAT


def test_a_format_is_immutable_and_another_is_made_from_it() -> None:
    with pytest.raises(FrozenInstanceError):
        OPENAI_CHAT.ping = b""
    silent = replace(OPENAI_CHAT, name="silent", ping=b"")
    assert (silent.name, silent.ping, OPENAI_CHAT.ping) == ("silent", b"", b": ping\n\n")


def test_the_text_of_a_request_is_not_in_its_representation() -> None:
    assert repr(HubRequest({"model": "m", "messages": [{"content": "secret"}]})) == "HubRequest(model, messages)"
