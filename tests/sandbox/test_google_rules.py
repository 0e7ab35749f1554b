"""The simulated Gemini refuses what Gemini refuses, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox import google
from tests.sandbox.vendor_requests import status_of

USER = {"role": "user", "parts": [{"text": "x"}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "AA=="}]}
NAMED = {"role": "model", "parts": [{"functionCall": {"name": "a b", "args": {}}, "thoughtSignature": "AA=="}]}
JSON = {"responseMimeType": "application/json"}
CONFIGS: list[dict[str, Any]] = [
    {"maxOutputTokens": 100_000}, {"temperature": 3}, {"stopSequences": ["a"] * 6}, {"presencePenalty": 1},
    {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}, {"responseSchema": {}, "responseJsonSchema": {}},
]  # fmt: skip
DECLARED = {"tools": [{"functionDeclarations": [{"name": "f"}]}]}


def response(value: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": value}}]}


def media(kind: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": kind, "data": ""}}]}]}


def at(uri: str, kind: str = "image/png") -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"fileData": {"mimeType": kind, "fileUri": uri}}]}]}


def drawn(**config: str) -> dict[str, Any]:
    return {"generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": config}}


@pytest.mark.parametrize("model, change, status", [
    *[("gemini-3-pro-preview", {"generationConfig": config}, 400) for config in CONFIGS],
    ("gemini-2.5-pro", {"generationConfig": JSON, **DECLARED}, 400), ("gemma-3-27b-it", {"systemInstruction": USER}, 400),
    ("gemini-2.5-pro", {"tools": [{"functionDeclarations": [{"name": "a b"}]}]}, 400),
    ("gemini-2.5-pro", {"contents": [USER, CALL, USER]}, 400), ("gemini-2.5-pro", {"contents": [USER, CALL]}, 400),
    ("gemini-2.5-pro", {"contents": [USER, NAMED, response({})]}, 400),
    ("gemini-2.5-pro", {"contents": [USER, CALL, response("x")]}, 400), ("gemini-2.5-pro", media("image/bmp"), 400),
    ("gemini-2.5-flash-image", drawn(imageSize="2K"), 400), ("gemini-3-pro-image-preview", drawn(imageSize="2K"), 200),
    ("gemini-2.5-flash-image", drawn(aspectRatio="5:1"), 400), ("gemini-2.5-flash-image", drawn(aspectRatio="3:2"), 200),
    ("gemini-2.5-pro", at("http://x.y/a"), 400), ("gemini-2.5-pro", at("https://x.y/a", "image/gif"), 400),
    ("gemini-2.5-pro", at("https://x.y/a"), 200), ("gemini-2.5-pro", at("gs://b/a", "image/gif"), 200),
    ("gemini-3-pro-preview", {"generationConfig": JSON, **DECLARED}, 200), ("gemini-2.5-pro", media("image/png"), 200),
    ("gemini-2.5-pro", {"generationConfig": {"presencePenalty": 1, "maxOutputTokens": 65_536}}, 200),
    ("gemini-2.5-pro", {"contents": [USER, CALL, response({"output": "x"})]}, 200),
])  # fmt: skip
def test_a_request_is_taken_or_refused(model: str, change: dict[str, Any], status: int) -> None:
    path = f"/v1beta/models/{model}:generateContent"
    assert status_of(google.SIMULATION, path, {"contents": [USER], **change}) == status
