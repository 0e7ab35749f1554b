"""Adds a member to a JSON object byte-exactly, without parsing it."""

from __future__ import annotations


def splice_provider(data: bytes, provider: str) -> bytes:
    """A JSON object, alone or last in `data`, with `"provider"` added before its last brace; nothing else moves."""
    return splice_member(data, provider_member(provider))


def provider_member(provider: str) -> bytes:
    """`"provider"` as the member of an object that is not its first."""
    return b',"provider":"%b"' % provider.encode()


def splice_member(data: bytes, member: bytes) -> bytes:
    """The same with the member ready made."""
    before, brace, after = data.rpartition(b"}")
    first = before.rstrip()[-1:] == b"{"
    return b"".join((before, member[1:] if first else member, brace, after))
