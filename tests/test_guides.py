"""The files of the guides do on a running sidecar what the guides promise."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from proxy.cli import main
from proxy.cli.compare.json_schema.keywords import ASSERTIONS
from proxy.cli.compare.json_schema.validator import APPLICATORS
from proxy.cli.compare.prompts import Check, PromptBase, PromptFile
from proxy.sandbox.scenario import Fault
from tests.running import HELLO, SHIPPED_CONFIG, RunningSidecar, run_sidecar
from tests.test_docs import blocks, read_doc

KEYS = {name: name.lower() for name in (
    "OPENAI_API_KEY", "OPENAI_API_KEY_2", "OPENAI_OTHER_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY",
    "AZURE_API_KEY",
)}  # fmt: skip


LIMIT = re.compile("(exclusive)?(min|max)", re.IGNORECASE)
"""Names of JSON Schema keywords that limit a number or a length."""


def guide(name: str, number: int = 0) -> str:
    """The configuration file in a guide, by its position."""
    return blocks(read_doc(f"guides/{name}.md"), "yaml")[number]


async def ask(running: RunningSidecar, model: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Return status and response headers of a chat."""
    body = {"model": model, "messages": HELLO}
    async with aiohttp.request("POST", f"{running.url}/v1/chat/completions", json=body, headers=headers) as answer:
        await answer.read()
        return answer.status, answer.headers


async def served_by(running: RunningSidecar, model: str, headers: Mapping[str, str] | None = None) -> str | None:
    """Return the provider that served a chat, None for an error."""
    return (await ask(running, model, headers))[1].get("X-Provider")


async def test_local_first_uses_the_provider_only_while_the_local_model_is_down() -> None:
    async with run_sidecar(guide("local-first"), KEYS) as running:
        assert [await served_by(running, "assistant") for _ in range(5)] == ["local"] * 5
        assert not running.sandbox.requests("openai")
        await running.sandbox.stop("local")
        assert await served_by(running, "assistant") == "openai"
        await running.sandbox.restore("local")
        assert await served_by(running, "assistant") == "local"


async def test_a_last_resort_serves_when_all_others_have_failed() -> None:
    async with run_sidecar(guide("local-first", 1), KEYS) as running:
        assert {await served_by(running, "assistant") for _ in range(12)} <= {"openai", "mistral"}
        await running.sandbox.stop("openai")
        await running.sandbox.stop("mistral")
        assert await served_by(running, "assistant") == "expensive"


def steady(output: str) -> list[list[str]]:
    """The words of each line, without durations."""
    return [line.split() for line in re.sub(r"[\d.]+ m?s\b", "T", output).splitlines()]


def test_a_comparison_of_models_is_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = read_doc("guides/compare-models.md")
    (shown,) = re.findall(r"^\$ parrot compare prompts.yaml --sandbox\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "90")
    Path("routing.yaml").write_text(SHIPPED_CONFIG)
    Path("prompts.yaml").write_text(guide("compare-models"))
    assert main(["compare", "prompts.yaml", "--sandbox"]) == 1
    assert steady(capsys.readouterr().out) == steady(shown)


def test_every_key_and_check_of_a_comparison_is_documented() -> None:
    page = read_doc("guides/compare-models.md")
    own = {*Check.__struct_fields__, *PromptBase.__struct_fields__, *PromptFile.__struct_fields__}
    assert [
        name for name in [*own, *ASSERTIONS, *APPLICATORS] if f"`{name}`" not in page and not LIMIT.match(name)
    ] == []


RAG_MODELS = ["openai/gpt-4.1", "google/gemini-flash-latest"]


async def test_a_rag_application_runs_unchanged_before_and_after_the_move(capsys: pytest.CaptureFixture[str]) -> None:
    application = "\n".join(blocks(read_doc("guides/move-rag.md"), "python"))
    async with run_sidecar(guide("move-rag", 1), KEYS) as running:
        program = compile(application.replace("http://127.0.0.1:8090", running.url), "move-rag.md", "exec")
        await asyncio.to_thread(exec, program, {})
        assert capsys.readouterr().out == "openai example\n"
        (running.path).write_text(guide("move-rag", 3))
        await running.poll()
        await asyncio.to_thread(exec, program, {})
        assert capsys.readouterr().out == "google example\n"
        sent = running.sandbox.requests("google")[-1].body
        assert b'"mimeType":"application/pdf"' in sent and b"responseJsonSchema" in sent and b"Parrots" in sent


@pytest.mark.parametrize("number", [1, 3])
async def test_answers_fail_over_and_embeddings_do_not(number: int) -> None:
    async with run_sidecar(guide("move-rag", number), KEYS) as running, running.client() as client:
        for down, other, vectors in (("google", "openai", "vectors-2"), ("openai", "google", "vectors-1")):
            await running.sandbox.stop(down)
            assert await served_by(running, "answers") == other
            before = len(running.sandbox.requests(other))
            with pytest.raises(openai.APIStatusError):
                await client.embeddings.create(model=vectors, input="What do parrots eat?")
            assert len(running.sandbox.requests(other)) == before
            await running.sandbox.restore(down)


def test_the_prompts_of_a_rag_application_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("routing.yaml").write_text(guide("move-rag", 1))
    Path("prompts.yaml").write_text(guide("move-rag", 2))
    assert main(["compare", "prompts.yaml", "--sandbox", "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [(run["model"], run["error"]) for run in report["runs"]] == [(model, None) for model in RAG_MODELS]
    assert {model: (figures["valid"], figures["checks"]) for model, figures in report["models"].items()} == {
        model: ([1, 1], [0, 2]) for model in RAG_MODELS
    }


async def test_two_keys_serve_within_the_limits_of_each() -> None:
    text = guide("several-keys").replace("requests_per_minute: 500", "requests_per_minute: 3")
    async with run_sidecar(text, KEYS) as running:
        answers = await asyncio.gather(*(ask(running, "assistant") for _ in range(10)))
        assert Counter(status for status, _ in answers) == {200: 6, 429: 4}
        sent = running.sandbox.requests("openai")
        assert sorted(Counter(each.headers["Authorization"] for each in sent).values()) == [3, 3]
        assert all(50 <= int(headers["Retry-After"]) <= 61 for status, headers in answers if status == 429)


async def test_keys_of_one_account_share_its_limits() -> None:
    text = guide("several-keys", 1).replace("requests_per_minute: 500", "requests_per_minute: 2")
    async with run_sidecar(text, KEYS) as running:
        statuses = [(await ask(running, "assistant"))[0] for _ in range(6)]
        assert statuses == [200] * 4 + [429] * 2


async def test_a_request_for_the_eu_never_leaves_it() -> None:
    async with run_sidecar(guide("data-residency"), KEYS) as running:
        eu = {"X-Data-Residency": "EU"}
        assert await served_by(running, "assistant", eu) in ("mistral", "azure")
        await running.sandbox.stop("mistral")
        assert await served_by(running, "assistant", eu) == "azure"
        await running.sandbox.stop("azure")
        assert (await ask(running, "assistant", eu))[0] == 502
        assert not running.sandbox.requests("anthropic")


async def test_the_cheapest_of_three_providers_serves_first() -> None:
    async with run_sidecar(guide("cost-control"), KEYS) as running:
        order = []
        for _ in range(4):
            order.append(name := await served_by(running, "summarize"))
            await running.sandbox.stop(str(name))
        assert order == ["local", "openai", "google", "anthropic"]


@pytest.mark.parametrize(
    ("model", "order"), [("chat", ["openai", "anthropic", "google"]), ("code", ["anthropic", "openai"])]
)
async def test_each_model_has_its_own_order(model: str, order: list[str]) -> None:
    async with run_sidecar(guide("order-per-model"), KEYS) as running:
        for name in order:
            assert await served_by(running, model) == name
            await running.sandbox.stop(name)
        assert (await ask(running, model))[0] == 502


async def test_targets_of_one_priority_share_the_traffic_by_their_weight() -> None:
    async with run_sidecar(guide("order-per-model", 1), KEYS) as running:
        assert Counter([await served_by(running, "chat") for _ in range(8)]) == {"openai": 6, "azure": 2}
        for name in ("openai", "azure"):
            await running.sandbox.stop(name)
        assert await served_by(running, "chat") == "anthropic"


async def test_a_preference_crosses_no_priority_and_says_so() -> None:
    async with run_sidecar(guide("order-per-model"), KEYS) as running:
        _, headers = await ask(running, "chat", {"X-Provider-Preference": "anthropic"})
        assert headers["X-Provider"] == "openai"
        (warning,) = (word for word in read_doc("guides/order-per-model.md").split("`") if "by=priority" in word)
        assert headers["X-Routing-Warnings"] == warning


async def test_claude_code_gets_claude_and_another_model_while_it_is_down() -> None:
    async with run_sidecar(guide("claude-code"), KEYS) as running:

        async def message(model: str) -> tuple[str, str]:
            body = {"model": model, "max_tokens": 100, "messages": HELLO}
            async with aiohttp.request("POST", f"{running.url}/v1/messages", json=body) as answer:
                await answer.read()
                return answer.headers["X-Provider"], answer.headers["X-Provider-Model"]

        assert await message("claude-opus-4-8") == ("anthropic", "claude-opus-4-8")
        assert await message("claude-haiku-4-5-20251001") == ("google", "gemini-flash-latest")
        await running.sandbox.set_fault("anthropic", Fault("down"))
        assert (await message("claude-opus-4-8"))[0] == "openai"
