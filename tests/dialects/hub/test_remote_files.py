"""Images and files in messages that are given by a web address."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.remote_files import RemoteFile, remote_files, with_inlined

TEXT = {"type": "text", "text": "?"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://x.y/a.png", "detail": "low"}}
SHORT = {"type": "image_url", "image_url": "HTTP://x.y/b.png"}
FILE = {"type": "file", "file": {"file_url": "https://x.y/a.pdf", "filename": "a.pdf"}}
OTHER = {"type": "file", "file": {"file_data": "https://x.y/b.pdf"}}
MESSAGES: list[Any] = [
    {"role": "user", "content": "hi"},
    {"role": "user", "content": [TEXT, IMAGE, SHORT]},
    {"role": "tool", "content": [FILE, OTHER]},
]


def test_each_has_the_path_of_its_address() -> None:
    assert list(remote_files(MESSAGES)) == [
        RemoteFile("messages[1].content[1].image_url.url", "https://x.y/a.png", is_image=True),
        RemoteFile("messages[1].content[2].image_url.url", "HTTP://x.y/b.png", is_image=True),
        RemoteFile("messages[2].content[0].file.file_url", "https://x.y/a.pdf", is_image=False),
        RemoteFile("messages[2].content[1].file.file_data", "https://x.y/b.pdf", is_image=False),
    ]


def test_their_data_takes_the_place_of_the_address_and_all_else_stays() -> None:
    inlined = with_inlined(MESSAGES, lambda found: None if found.url == "https://x.y/b.pdf" else f"data:{found.url}")
    assert inlined[0] is MESSAGES[0]
    assert inlined[1]["content"] == [
        TEXT,
        {"type": "image_url", "image_url": {"url": "data:https://x.y/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:HTTP://x.y/b.png"}},
    ]
    assert inlined[2]["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:https://x.y/a.pdf"}}, OTHER,
    ]  # fmt: skip


@pytest.mark.parametrize("messages", [
    None, "x", [3], [{}], [{"content": [3]}], [{"content": [{"type": "image_url"}]}], [{"content": [{"type": "file"}]}],
    [{"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}],
    [{"content": [{"type": "image_url", "image_url": {"url": "gs://b/a.png"}}]}],
    [{"content": [{"type": "file", "file": {"file_id": "file-1"}}]}], [{"content": [{"type": ["image_url"]}]}],
])  # fmt: skip
def test_anything_else_is_left_alone(messages: Any) -> None:
    assert list(remote_files(messages)) == []
    if isinstance(messages, list):
        assert all(new is old for new, old in zip(with_inlined(messages, lambda found: "x"), messages, strict=True))
