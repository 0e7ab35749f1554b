"""A request that a provider cannot express: the error names the part of the caller's own request, whatever its format."""

from __future__ import annotations

import orjson
import pytest

from tests.fakes import exchange, generation, request, start_request

IMAGE = "ftp://host/a.png"
BODIES = {
    "/v1/responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Look up a."},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]},
            {"type": "function_call_output", "call_id": "1", "output": "a"},
        ],
    },
    "/v1/messages": {
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Look up a."},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": "a"},
                    {"type": "image", "source": {"type": "url", "url": IMAGE}},
                ],
            },
        ],
    },
    "/v1beta/models/m:generateContent": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Look up a."}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"result": "a"}}},
                    {"inlineData": {"data": "/w", "mimeType": "image/png"}},
                ],
            },
        ],
    },
}


@pytest.mark.parametrize("path, named", [*zip(BODIES, ("input[2]", "messages[2]", "contents[2]"), strict=True)])
async def test_an_error_of_the_translation_names_the_callers_own_part(path: str, named: str) -> None:
    served = generation('providers: {c: {dialect: cohere, base_url: "https://c.test"}}\nmodels: {m: {c: command-a}}')
    body = orjson.dumps({**({} if "models" in path else {"model": "m"}), **BODIES[path]})
    client = start_request(exchange(request(path=path), snap=served.snapshot, raw=body), served.pipeline)
    assert client.status == 400
    message = orjson.loads(client.body)["error"]["message"]
    assert message.startswith(f"{named}: ") and IMAGE not in message
