"""Paths are read as clients really send them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.ingress.paths import PATHS, api_path


@pytest.mark.parametrize("path", [path for path in PATHS if "{" not in path])
def test_a_documented_path_is_read_as_it_is(path: str) -> None:
    assert api_path(path) == (path, {})


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
        ("/v1beta/models", "/v1/models"),
        ("/v1/models/ft:gpt:x", "/v1/models/ft:gpt:x"),
        ("", "/v1"),
    ],
)
def test_what_clients_add_or_leave_out_does_not_matter(path: str, expected: str) -> None:
    assert api_path(path) == (expected, {})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/openai/deployments/gpt-4o/chat/completions", ("/v1/chat/completions", {"model": "gpt-4o"})),
        ("/openai/deployments/org%2Fm/embeddings/", ("/v1/embeddings", {"model": "org/m"})),
        ("/openai/deployments/gpt-4o", ("/v1/deployments/gpt-4o", {})),
        ("/openai/deployments//chat/completions", ("/v1/completions", {"model": "chat"})),
        ("/deployments/gpt-4o/chat/completions", ("/v1/deployments/gpt-4o/chat/completions", {})),
    ],
)
def test_the_name_of_azures_deployment_is_the_model(path: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert api_path(path) == expected


GENERATE, STREAM = "/v1/models/{model}:generateContent", "/v1/models/{model}:streamGenerateContent"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1beta/models/gemini-flash:generateContent", (GENERATE, {"model": "gemini-flash", "stream": False})),
        ("/v1alpha/models/org/m:streamGenerateContent", (STREAM, {"model": "org/m", "stream": True})),
        ("/v1/models/ft:x%3Ay:generateContent/", (GENERATE, {"model": "ft:x:y", "stream": False})),
        ("/models//m:generateContent", (GENERATE, {"model": "m", "stream": False})),
        ("/v1beta/models/m:embedContent", ("/v1/models/{model}:embedContent", {"model": "m"})),
        ("/v1/models/m:batchEmbedContents", ("/v1/models/{model}:batchEmbedContents", {"model": "m"})),
        ("/v1/models/m:unknownMethod", ("/v1/models/m:unknownMethod", {})),
        ("/v1/models/:generateContent", ("/v1/models/:generateContent", {})),
    ],
)
def test_googles_paths_have_the_model_and_whether_to_stream(path: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert api_path(path) == expected
    assert expected[0] in PATHS or not expected[1]
