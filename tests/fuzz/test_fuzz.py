"""Every parser and translator takes any input: those that once failed, and some changed at random (more with `python -m tests.fuzz`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from proxy.dialects import DIALECTS
from proxy.ingress import FORMATS
from tests.fuzz.failures import failure_of, shrunk
from tests.fuzz.growth import grown, grows_too_fast
from tests.fuzz.mutations import MAX_BYTES, mutate
from tests.fuzz.targets import CORPUS, TARGETS

INPUTS = 12
FAILED = sorted(file for file in CORPUS.glob("*/*") if file.is_file())


@pytest.mark.parametrize("file", FAILED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_once_failed_does_not_fail_again(file: Path) -> None:
    TARGETS[file.parent.name].run(file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_raise_only_the_errors_of_the_project(name: str) -> None:
    target, random = TARGETS[name], Random(name)
    seeds = target.seeds()
    assert seeds
    for _ in range(INPUTS):
        data = mutate(random.choice(seeds), random, seeds)
        assert not (failure := failure_of(target.run, data)), (data, failure)


@pytest.mark.parametrize("name", TARGETS)
def test_larger_inputs_take_linear_time(name: str) -> None:
    target, random = TARGETS[name], Random(name)
    shape = grown(random.choice(target.seeds()), random)
    assert shape is not None
    assert not grows_too_fast(shape, target.run), shape(2)


def test_every_dialect_endpoint_and_client_format_is_a_target() -> None:
    kinds = ("request", "answer", "stream")
    for name, dialect in DIALECTS.items():
        labels = [name if endpoint == "chat" else f"{name}-{endpoint}" for endpoint in dialect.paths]
        assert name == "meta" or {f"{kind}-{label}" for kind in kinds for label in labels} <= TARGETS.keys()
    hubs = {each.name: each.hub_endpoint for each in FORMATS.values() if each.request_to_hub and each.hub_endpoint}
    chats = [name for name, hub in hubs.items() if hub == "chat"]
    assert {f"{kind}-{name}" for kind in kinds for name in chats} <= TARGETS.keys()
    assert {f"request-{name}" for name in hubs} <= TARGETS.keys()


@pytest.mark.parametrize(
    "data", [b'{"a": [1, {"b": "c"}]}', b'event: a\ndata: {"a": 1}\n\ndata: [DONE]\n\n', b"", b"\xff"]
)
def test_changes_depend_on_their_randomness_alone(data: bytes) -> None:
    changed = [mutate(data, Random(seed), [data]) for seed in range(50)]
    assert changed == [mutate(data, Random(seed), [data]) for seed in range(50)]
    assert len(set(changed)) > 10
    assert all(len(each) <= MAX_BYTES for each in changed)


def test_a_failure_is_named_and_made_small() -> None:
    def run(data: bytes) -> None:
        assert b'"bad"' not in data

    data = b'data: {"a": {"b": 1}, "c": [1, "bad", 2]}\n\ndata: {"d": 1}\n\n'
    failure = failure_of(run, data)
    assert failure is not None
    assert failure.error == "AssertionError"
    assert shrunk(run, data, failure) == b'data: {"c": ["bad"]}\n\n'
    assert failure_of(run, b"data: {}\n\n") is None


def quadratic(data: bytes) -> None:
    for _ in data:
        for _ in data:
            pass


def linear(data: bytes) -> None:
    for _ in data:
        pass


@pytest.mark.parametrize(("run", "too_fast"), [(quadratic, True), (linear, False)])
def test_quadratic_work_is_detected(run: Callable[[bytes], None], too_fast: bool) -> None:
    shape = grown(b'{"a":[1]}', Random(1))
    assert shape is not None
    assert grows_too_fast(shape, run) is too_fast
