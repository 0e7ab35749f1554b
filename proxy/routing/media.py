"""Which targets take the files and the audio of a request."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from msgspec import Struct

from proxy.dialects import DIALECTS
from proxy.dialects.hub.media import FILE, FILE_ID, FILE_URL, file_reference, media_kind


class Media(Struct, frozen=True):
    """The files and the audio in a request."""

    kinds: frozenset[str] = frozenset()
    """Kinds of `dialects.hub.media`."""
    owners: frozenset[str] | None = None
    """The dialects whose providers store all of its stored files. None if it has none, or by their ids any may."""


NO_MEDIA = Media()


def find_media(parts: Iterable[dict[str, Any]]) -> Media:
    """Return what is in these parts, each of which is a file or audio."""
    kinds: set[str] = set()
    owners: list[frozenset[str]] = []
    for part in parts:
        reference = file_reference(part)
        kind = media_kind(part, reference)
        if kind in (FILE_ID, FILE_URL) and (known := _owners(reference)):
            kind, owners = FILE_ID, [*owners, known]
        kinds.add(kind)
    return Media(frozenset(kinds), reduce(frozenset.intersection, owners) if owners else None)


def lacking_media(dialect: str, media: Media, *, fetches: bool = False) -> str | None:
    """Return a kind that requests in this dialect cannot have, or None. `fetches`: whether the sidecar fetches files."""
    has = DIALECTS[dialect].media
    lacking = media.kinds - has - ({FILE_URL} if fetches and FILE in has else set())
    if media.owners is not None and dialect not in media.owners:
        lacking |= {FILE_ID}
    return min(lacking, default=None)


def _owners(reference: str) -> frozenset[str]:
    return frozenset(name for name, dialect in DIALECTS.items() if dialect.stores(reference))
