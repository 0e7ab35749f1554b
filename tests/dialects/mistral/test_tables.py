from __future__ import annotations

from mistralai.client.models import ChatCompletionRequest

from proxy.dialects.mistral.tables import PARAMS


def test_every_parameter_is_in_the_sdks_request_type() -> None:
    names = {number.provider_name for number in PARAMS.numbers.values()} | set(PARAMS.copied.values())
    assert names <= set(ChatCompletionRequest.model_fields)
