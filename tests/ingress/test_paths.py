"""Paths are read as clients really send them."""

from __future__ import annotations

import pytest

from proxy.ingress.paths import PATHS, api_path


@pytest.mark.parametrize("path", PATHS)
def test_a_documented_path_is_read_as_it_is(path: str) -> None:
    assert api_path(path) == (path, "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("//v1//chat///completions//", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/messages", "/v1/messages"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/openai/v1/responses", "/v1/responses"),
        ("/openai/responses/", "/v1/responses"),
        ("/models/a%2Fb", "/v1/models/a%2Fb"),
        ("/v10/messages", "/v1/v10/messages"),
        ("/openai", "/v1/openai"),
        ("", "/v1"),
    ],
)
def test_what_clients_add_or_leave_out_does_not_matter(path: str, expected: str) -> None:
    assert api_path(path) == (expected, "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/openai/deployments/gpt-4o/chat/completions", ("/v1/chat/completions", "gpt-4o")),
        ("/openai/deployments/org%2Fm/embeddings/", ("/v1/embeddings", "org/m")),
        ("/openai/deployments/gpt-4o", ("/v1/deployments/gpt-4o", "")),
        ("/openai/deployments//chat/completions", ("/v1/completions", "chat")),
        ("/deployments/gpt-4o/chat/completions", ("/v1/deployments/gpt-4o/chat/completions", "")),
    ],
)
def test_the_name_of_azures_deployment_is_the_model(path: str, expected: tuple[str, str]) -> None:
    assert api_path(path) == expected
