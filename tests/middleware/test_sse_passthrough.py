"""The options of streams, as routing.yaml gives them; tests/test_lifecycle.py tests what they do."""

from __future__ import annotations

from math import inf

import pytest

from proxy.config.document import ConfigError
from proxy.middleware.sse_passthrough import SsePassthrough
from tests.fakes import PIPELINE, generation, routing_yaml


@pytest.mark.parametrize(
    ("options", "ping", "early_commit"),
    [
        ("{}", 15, inf),
        ("{ping: 500ms}", 0.5, inf),
        ("{early_commit: off}", 15, inf),
        ("{early_commit: 10s}", 15, 10),
    ],
)
def test_the_options_are_durations_and_early_commit_may_be_off(options: str, ping: float, early_commit: float) -> None:
    file = routing_yaml(PIPELINE.replace("sse_passthrough", f"{{sse_passthrough: {options}}}"))
    built = generation(file).pipeline.find(SsePassthrough)
    assert (built.ping, built.early_commit) == (ping, early_commit)


def test_early_commit_cannot_be_auto() -> None:
    file = routing_yaml(PIPELINE.replace("sse_passthrough", "{sse_passthrough: {early_commit: auto}}"))
    with pytest.raises(
        ConfigError, match=r"sse_passthrough\.early_commit: expected off, or a duration such as 10s, got"
    ):
        generation(file)
