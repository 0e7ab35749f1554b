from __future__ import annotations

from mistralai.client.models import ChatCompletionRequest

from proxy.dialects.mistral.tables import PARAMS


def test_every_name_is_one_that_mistral_knows() -> None:
    told = {number.told for number in PARAMS.numbers.values()} | set(PARAMS.kept.values())
    assert told <= set(ChatCompletionRequest.model_fields)
