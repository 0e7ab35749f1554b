"""A duration may also be `auto` or `off`."""

from __future__ import annotations

import pytest

from proxy.config.auto_duration import AUTO, OFF, AutoOrDuration, OffOrDuration


@pytest.mark.parametrize(("text", "when"), [("auto", AUTO), ("off", OFF), ("8s", 8.0), ("250ms", 0.25)])
def test_it_is_auto_off_or_a_duration(text: str, when: float) -> None:
    assert AutoOrDuration.parse(text) == when


@pytest.mark.parametrize("text", ["", "8", "soon", "on"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        AutoOrDuration.parse(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(AutoOrDuration, "auto"), (AutoOrDuration, "off"), (AutoOrDuration, "8s"), (OffOrDuration, "off")],
)
def test_a_value_is_written_as_the_file_has_it(kind: type[AutoOrDuration | OffOrDuration], text: str) -> None:
    assert kind.parse(text).written == text
