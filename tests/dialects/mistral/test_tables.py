from __future__ import annotations

from mistralai.client.models import ChatCompletionRequest

from proxy.dialects.mistral.tables import PARAMS


def test_every_name_is_one_that_mistral_knows() -> None:
    told = {number.provider_name for number in PARAMS.numbers.values()} | set(PARAMS.copied.values())
    assert told <= set(ChatCompletionRequest.model_fields)
