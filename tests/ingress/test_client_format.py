"""A client format is an immutable value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from proxy.ingress.openai_chat import OPENAI_CHAT


def test_a_format_is_immutable_and_another_is_made_from_it() -> None:
    with pytest.raises(FrozenInstanceError):
        OPENAI_CHAT.ping = b""
    silent = replace(OPENAI_CHAT, name="silent", ping=b"")
    assert (silent.name, silent.ping, OPENAI_CHAT.ping) == ("silent", b"", b": ping\n\n")
