"""No object's text shows a key, a prompt or an answer, since asyncio and debuggers show the objects that they meet."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from typing import Any

import pytest

from proxy.config.document import parse
from proxy.config.load import load
from proxy.config.typed_loader import TypedLoader
from proxy.generation import GenerationFactory
from proxy.messages import CompletionState, Response
from proxy.pipeline import PipelineTerminals
from proxy.upstream.call import make_start_call
from tests.faults.rehearsal import PROMPT, pause, rehearsal
from tests.faults.server import FIN, RECV, Script, http_chunk, send
from tests.faults.test_secrets import CANARIES, ENVIRON, ask, file
from tests.faults.wire_formats import WIRE_FORMATS, stream_head
from tests.virtual_time import virtual_time

CALLER = "caller-canary-0123"
ANSWER = "answer-canary-0123"


def shown_by(objects: Iterable[Any]) -> dict[str, list[str]]:
    """Return class -> what the texts of its objects show, for the classes of the sidecar."""
    found: dict[str, list[str]] = {}
    for each in objects:
        if str(type(each).__module__).startswith("proxy."):
            text = repr(each)
            if shown := [canary for canary in (*CANARIES, CALLER, PROMPT, ANSWER) if canary in text]:
                found[f"{type(each).__module__}.{type(each).__qualname__}"] = shown
    return found


def held(stream: bool) -> Script:
    """Return a script that begins an answer, and does not go on."""
    first = WIRE_FORMATS["openai"].tokens[0].replace(b'"content":"', f'"content":"{ANSWER}'.encode())
    begun = [send(stream_head()), send(http_chunk(b"".join((*WIRE_FORMATS["openai"].opening, first))))]
    return [RECV, *(begun if stream else []), pause(100), FIN]


@pytest.mark.parametrize("stream", [False, True])
@virtual_time
async def test_no_object_of_a_running_sidecar_shows_a_secret(stream: bool) -> None:
    before = set(map(id, gc.get_objects()))
    async with rehearsal(file(), [held(stream)], [held(stream)], environ=ENVIRON) as running:
        asking = asyncio.create_task(ask(running, stream, **{"X-Caller": CALLER}))
        await asyncio.sleep(1)
        assert running.sidecar.handler.active == 1
        objects = [each for each in gc.get_objects() if id(each) not in before]
        assert len([each for each in objects if str(type(each).__module__).startswith("proxy.")]) > 100
        assert shown_by(objects) == {}
        asking.cancel()
        await asyncio.wait([asking])


def test_no_object_of_a_file_that_is_loaded_shows_a_secret() -> None:
    loader = TypedLoader(parse(file()), ENVIRON, str)
    _, entries = load(loader)
    factory = GenerationFactory(ENVIRON, str, PipelineTerminals(make_start_call, {}))
    assert shown_by([loader, loader.document, *entries, factory]) == {}


def test_no_answer_is_shown() -> None:
    state = CompletionState(text=[ANSWER])
    assert shown_by([Response(200, {}, ANSWER.encode()), state]) == {}
