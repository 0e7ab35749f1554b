"""The formats of JSON Schema are checked."""

from __future__ import annotations

import pytest

from proxy.cli.compare.json_schema.formats import FORMATS

VALUES = {
    "date-time": (["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.5+01:00"], ["2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02 03:04:05Z"]),
    "date": (["2026-02-28"], ["2026-02-30", "20260228", "today"]),
    "time": (["03:04:05Z", "23:59:59.123-08:00"], ["03:04:05", "25:00:00Z"]),
    "duration": (["P1D", "PT5M", "P2W", "P1Y2M3DT4H"], ["P", "PT", "1D", "P1DT"]),
    "email": (["a.b@example.com"], ["a", "@example.com", "a@-x.com", "a b@example.com"]),
    "hostname": (["example.com", "localhost"], ["-a.com", "a..b", "a_b", "x" * 64]),
    "ipv4": (["192.0.2.1"], ["192.0.2", "192.0.2.256", "::1"]),
    "ipv6": (["2001:db8::1"], ["192.0.2.1", "2001:::1"]),
    "uri": (["https://example.com/a?b#c", "mailto:a@b.c"], ["example.com", "/path", "http://[", "a b:c"]),
    "uuid": (["00000000-0000-4000-8000-000000000000"], ["0000", "00000000000040008000000000000000"]),
}  # fmt: skip


def test_every_format_has_cases() -> None:
    assert VALUES.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", VALUES)
def test_a_format_tells_valid_texts_from_invalid_ones(name: str) -> None:
    valid, invalid = VALUES[name]
    assert [text for text in valid if not FORMATS[name](text)] == []
    assert [text for text in invalid if FORMATS[name](text)] == []
