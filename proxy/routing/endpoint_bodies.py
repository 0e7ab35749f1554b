"""What the body of each endpoint must have, and the schema of what routing reads of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.routing.request_body import (
    ChatBody,
    CompletionsBody,
    GeminiBody,
    GeminiEmbeddingsBody,
    MessagesBody,
    RequestBody,
    ResponsesBody,
)


@dataclass(frozen=True, slots=True)
class EndpointBody:
    """The schema of an endpoint's body, the member it requires next to `model`, and what if the body names no model.

    Then it is for the default model where the table has that, otherwise for none, if the model is optional.
    """

    body_type: type[RequestBody] = RequestBody
    required_member: str | None = None
    default_model: str | None = None
    is_model_optional: bool = False


BODIES: Mapping[str, EndpointBody] = {
    "chat": EndpointBody(ChatBody, "messages"),
    "completions": EndpointBody(CompletionsBody, "prompt"),
    "count_tokens": EndpointBody(MessagesBody),
    "embeddings": EndpointBody(required_member="input"),
    "batch_embed_contents": EndpointBody(GeminiEmbeddingsBody),
    "count_content_tokens": EndpointBody(GeminiBody),
    "embed_content": EndpointBody(GeminiEmbeddingsBody),
    "generate_content": EndpointBody(GeminiBody),
    "batches": EndpointBody(is_model_optional=True),
    "files": EndpointBody(is_model_optional=True),
    "uploads": EndpointBody(is_model_optional=True),
    "image_edits": EndpointBody(is_model_optional=True),
    "image_variations": EndpointBody(is_model_optional=True),
    "images": EndpointBody(required_member="prompt", is_model_optional=True),
    "messages": EndpointBody(MessagesBody),
    "moderations": EndpointBody(
        required_member="input", default_model="omni-moderation-latest", is_model_optional=True
    ),
    "responses": EndpointBody(ResponsesBody),  # `input` is optional: a stored prompt may be continued without it
    "responses_compact": EndpointBody(ResponsesBody),
    "responses_input_tokens": EndpointBody(ResponsesBody),
    "speech": EndpointBody(required_member="input"),
    "transcriptions": EndpointBody(),
    "translations": EndpointBody(),
}
"""Endpoint -> its body."""
