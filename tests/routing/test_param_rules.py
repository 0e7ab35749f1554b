"""What a target may lack depends on the kind of request."""

from __future__ import annotations

import pytest

from proxy.dialects import DIALECTS
from proxy.routing.param_rules import CHAT, PARAM_RULES


@pytest.mark.parametrize(
    ("endpoint", "body", "unsupported", "excluding"),
    [
        ("chat", {"logprobs": True, "seed": 1}, ("logprobs",), {"logprobs"}),
        ("embeddings", {"input": [1], "dimensions": 7, "odd": 1}, ("input (token numbers)", "dimensions", "odd"),
         {"input (token numbers)", "dimensions"}),
    ],
)  # fmt: skip
def test_rules_name_what_a_dialect_lacks_and_what_excludes_it(
    endpoint: str, body: dict[str, object], unsupported: tuple[str, ...], excluding: set[str]
) -> None:
    rules = PARAM_RULES[endpoint]
    found = rules.unsupported_of(DIALECTS["cohere"])(body, "embed-english-v3.0")
    assert found == unsupported and {name for name in found if name in rules.essential} == excluding
    assert set(rules.essential_of(body)) >= excluding - {"input (token numbers)"}


def test_any_other_endpoint_has_the_rules_of_a_chat() -> None:
    assert PARAM_RULES.get("images", CHAT).unsupported_of(DIALECTS["compatible"])({"logprobs": True}, "m") == ()
