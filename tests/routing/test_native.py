"""Which targets speak a format, which serve its translation, and what excludes the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.config.snapshot import Target
from proxy.routing.facts import Facts
from proxy.routing.native import endpoint_exclusion, is_native, without_hosted_tools
from tests.files import load_snapshot

FILE = """
providers:
  o: {dialect: openai, base_url: "https://o.test/v1"}
  c: {dialect: compatible, base_url: "https://c.test/v1"}
models: {m: {o: m, c: m}}
"""
NATIVE, OTHER = load_snapshot(FILE).models["m"]
PLAIN = Facts("responses", "m", hub_endpoint="chat")


@pytest.mark.parametrize(
    ("target", "facts", "reason"),
    [
        (NATIVE, PLAIN, None),
        (OTHER, PLAIN, None),
        (OTHER, Facts("responses", "m"), "endpoint_unsupported"),
        (OTHER, Facts("responses", "m", unsupported_feature="background"), "unsupported_feature: background"),
        (NATIVE, Facts("responses", "m", unsupported_feature="background"), None),
        (OTHER, Facts("unknown", "m"), "endpoint_unsupported"),
        (OTHER, Facts("completions", "m"), None),
        (replace(OTHER, unsupported=frozenset({"/completions"})), Facts("completions", "m"), "endpoint_unsupported"),
        (NATIVE, Facts("moderations"), None),
        (OTHER, Facts("moderations"), "endpoint_unsupported"),
        (NATIVE, Facts("completions"), "endpoint_unsupported"),
    ],
)
def test_a_target_serves_its_own_format_or_a_translation(target: Target, facts: Facts, reason: str | None) -> None:
    assert endpoint_exclusion(target, facts) == reason


def test_a_target_is_native_where_its_dialect_has_the_endpoint() -> None:
    assert is_native(NATIVE.provider, PLAIN) and not is_native(OTHER.provider, PLAIN)


@pytest.mark.parametrize(
    ("native_reason", "is_kept", "expected"),
    [
        (None, False, [None, "unsupported_feature: search"]),
        ("data_residency", False, ["data_residency", None]),
        ("data_residency", True, ["data_residency", "unsupported_feature: search"]),
    ],
)
def test_a_hosted_tool_excludes_what_lacks_it_while_another_target_has_it(
    native_reason: str | None, is_kept: bool, expected: list[str | None]
) -> None:
    facts = Facts("responses", "m", hub_endpoint="chat", hosted_tools=("search",))
    found = without_hosted_tools([(NATIVE, native_reason), (OTHER, None)], facts, is_kept)
    assert [reason for _, reason in found] == expected
