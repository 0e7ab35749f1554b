"""A request with files or audio goes to the targets that can be sent them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects import DIALECTS
from proxy.routing.media import Media, find_media, lacking_media

AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PDF = {"file_data": "data:application/pdf;base64,JVBERi0xLjQK"}
TEXT = {"file_data": "data:text/plain;base64,aGk="}
WEB = {"file_url": "https://x.y/a.pdf"}
STORED = {
    "openai": "file-abc123",
    "anthropic": "file_011CNha8iCJcU1wXNR6q4V8w",
    "google": "https://generativelanguage.googleapis.com/v1beta/files/abc",
    "mistral": "3b6d45eb-e30b-416f-8019-f47e2e93d930",
}
ALL = {"openai", "anthropic", "google", "mistral", "cohere", "meta"}


def takers(*files: dict[str, Any]) -> set[str]:
    media = find_media([each if "type" in each else {"type": "file", "file": each} for each in files])
    return {name for name in ALL if lacking_media(name, media) is None}


@pytest.mark.parametrize("file, expected", [
    (AUDIO, ALL - {"anthropic", "cohere"}),
    (PDF, ALL - {"cohere"}),
    (TEXT, ALL),
    (WEB, ALL - {"openai", "cohere"}),
    ({"file_id": "of-an-unknown-form"}, ALL - {"cohere"}),
])  # fmt: skip
def test_a_kind_goes_to_whom_can_be_sent_it(file: dict[str, Any], expected: set[str]) -> None:
    assert takers(file) == expected


@pytest.mark.parametrize("provider, id", STORED.items())
def test_a_stored_file_goes_to_the_provider_that_has_it(provider: str, id: str) -> None:
    assert takers({"file_id": id}) == {provider}


def test_files_of_two_providers_go_to_nobody_and_the_reason_names_the_kind() -> None:
    files = [{"type": "file", "file": {"file_id": id}} for id in STORED.values()]
    assert takers(*files) == set()
    assert {lacking_media(name, find_media(files)) for name in ALL} == {"file_id"}


def test_a_file_to_fetch_goes_to_whom_can_be_sent_its_data_if_the_sidecar_fetches() -> None:
    media = find_media([{"type": "file", "file": WEB}])
    assert {name for name in ALL if lacking_media(name, media, fetches=True) is None} == ALL - {"cohere"}


def test_nothing_lacks_where_there_is_nothing() -> None:
    assert not any(lacking_media(name, Media()) for name in DIALECTS)
