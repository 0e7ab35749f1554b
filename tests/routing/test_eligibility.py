"""Who may not serve is told why."""

from __future__ import annotations

import pytest

from proxy.routing.eligibility import Exclusion, screen
from proxy.routing.policy import Policy
from tests.files import loaded

SNAPSHOT = loaded("""
providers:
  openai: {dialect: openai, base_url: http://x}
  anthropic: {dialect: openai, base_url: http://x}
  google: {dialect: openai, base_url: http://x, api_key: "${UNSET}"}
models: {m: {openai: a, anthropic: b, google: c}}
""")
OPENAI, ANTHROPIC, GOOGLE = (target.id for target in SNAPSHOT.targets("m"))


@pytest.mark.parametrize(
    ("policy", "eligible", "reasons"),
    [
        (Policy(), [OPENAI, ANTHROPIC], {GOOGLE: "disabled"}),
        (Policy(only=("openai",)), [OPENAI], {ANTHROPIC: "not_in_x_provider", GOOGLE: "disabled"}),
        (Policy(only=("google",)), [],
         {OPENAI: "not_in_x_provider", ANTHROPIC: "not_in_x_provider", GOOGLE: "disabled"}),
        (Policy(fallbacks=("anthropic",)), [ANTHROPIC], {OPENAI: "not_in_fallbacks", GOOGLE: "disabled"}),
        (Policy(only=("openai",), fallbacks=("anthropic",)), [],
         {OPENAI: "not_in_fallbacks", ANTHROPIC: "not_in_x_provider", GOOGLE: "disabled"}),
        (Policy(preference=("google", "openai")), [OPENAI, ANTHROPIC], {GOOGLE: "disabled"}),
    ],
)  # fmt: skip
def test_the_excluded_have_reasons(policy: Policy, eligible: list[str], reasons: dict[str, str]) -> None:
    may, may_not = screen(SNAPSHOT.targets("m"), policy)
    assert [target.id for target in may] == eligible
    assert {each.target: each.reason for each in may_not} == reasons


def test_an_exclusion_names_target_and_provider() -> None:
    assert screen(SNAPSHOT.targets("m"), Policy())[1] == [Exclusion("google@global/c", "google", "disabled")]


def test_of_nobody_nobody_may_serve() -> None:
    assert screen((), Policy()) == ([], [])
