from __future__ import annotations

import litellm
from trip import BASE_URL, KEY, MODEL, run

TOOL = {
    "type": "function",
    "function": {
        "name": "get_trip",
        "description": "Return a trip.",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
    },
}
ASK = {"role": "user", "content": "call get_trip"}
BASE_URLS = {"openai": BASE_URL, "anthropic": BASE_URL.removesuffix("/v1")}


def complete(api: str, messages: list[object], *, stream: bool) -> litellm.Message:
    answer = litellm.completion(
        model=f"{api}/{MODEL}", messages=messages, tools=[TOOL], stream=stream,
        api_base=BASE_URLS[api], api_key=KEY, num_retries=0,
    )  # fmt: skip
    whole = litellm.stream_chunk_builder(list(answer)) if stream else answer
    return whole.choices[0].message


def two_turns(api: str, *, stream: bool) -> bool:
    message = complete(api, [ASK], stream=stream)
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "found"}
    return "found" in complete(api, [ASK, message.model_dump(), result], stream=stream).content


run(
    {
        "Chat, whole": lambda: two_turns("openai", stream=False),
        "Chat, streamed": lambda: two_turns("openai", stream=True),
        "Messages, whole": lambda: two_turns("anthropic", stream=False),
        "Messages, streamed": lambda: two_turns("anthropic", stream=True),
    }
)
