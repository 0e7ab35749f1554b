"""Runs every program against every simulated provider: `make compat`. The programs have environments of their own.

What they send is recorded in `requests/`: tests translate it for every dialect.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.sandbox.provider import ReceivedRequest
from tests.compat.recorded import FOLDER
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

HERE = Path(__file__).parent
BUILT = HERE.parent.parent / "build" / "compat"
RECORDED_AT = "openai"
"""The provider that receives what the programs send, apart from the model."""
TIMEOUT_S = 180

OFFLINE = {"NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""LiteLLM fetches a list of prices otherwise."""

CHAT, RESPONSES = "/chat/completions", "/responses"


@dataclass(frozen=True, slots=True)
class Program:
    """A program in the folder `programs`. It prints its results as JSON: case -> `ok` or what is wrong."""

    file: str
    recorded: str | None = None
    """The path of the requests that are recorded, if they are of a kind of their own."""

    @property
    def is_javascript(self) -> bool:
        return self.file.endswith(".mjs")

    @property
    def command(self) -> tuple[str, str]:
        """Return what runs the program."""
        return ("node" if self.is_javascript else str(BUILT / "bin" / "python"), self.file)

    @property
    def lacks(self) -> str:
        """Return what is missing here to run the program, or an empty text."""
        needed = ("node", "npm") if self.is_javascript else ()
        return " and ".join(tool for tool in needed if not shutil.which(tool))


PROGRAMS: Mapping[str, Program] = {
    "openai .parse()": Program("openai_parse.py", CHAT),
    "LangChain with_structured_output": Program("langchain_structured.py", CHAT),
    "LlamaIndex": Program("llama_index_structured.py", CHAT),
    "pydantic-ai": Program("pydantic_ai_structured.py", CHAT),
    "instructor": Program("instructor_structured.py", CHAT),
    "openai-agents": Program("openai_agents_tools.py", RESPONSES),
    "LiteLLM": Program("litellm_tools.py"),
    "Vercel AI SDK": Program("ai_sdk_tools.mjs", RESPONSES),
}

Results = dict[str, str]


async def run_program(program: Program, sidecar: RunningSidecar, provider: str) -> Results:
    """Run one program against one provider. Returns its results."""
    environ = {"COMPAT_BASE_URL": f"{sidecar.url}/v1", "COMPAT_MODEL": f"{provider}/{PROVIDERS[provider]}"}
    process = await asyncio.create_subprocess_exec(
        *program.command, cwd=HERE / "programs", env={**os.environ, **environ, **OFFLINE},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    lines = output.decode().splitlines()
    if process.returncode or not lines:
        return {"start": errors.decode()[-300:]}
    results: Results = json.loads(lines[-1])
    return results


_ELSEWHERE = ("previous_response_id", "item_reference")
"""Such a request refers to what a provider has stored."""


def bodies_to_record(path: str, received: Iterable[ReceivedRequest]) -> list[bytes]:
    """Return the bodies that were sent to this path, without those that mean nothing by themselves."""
    bodies = [each.body for each in received if each.path.endswith(path)]
    return [body for body in bodies if not any(member.encode() in body for member in _ELSEWHERE)]


def record(name: str, bodies: Iterable[bytes]) -> None:
    """Keep the requests of one program."""
    stem = "".join(character if character.isalnum() else "-" for character in name.lower()).strip("-")
    for old in FOLDER.glob(f"{stem}-[0-9]*.json"):
        old.unlink()
    for number, body in enumerate(bodies):
        request: dict[str, Any] = {**json.loads(body), "model": "m"}
        if request.get("stream_options") == {"include_usage": True}:
            del request["stream_options"]
        text = json.dumps(request, indent=1, ensure_ascii=False)
        (FOLDER / f"{stem}-{number}.json").write_text(text + "\n", "utf-8")


async def run_all(chosen: Iterable[str]) -> dict[tuple[str, str], Results]:
    """Run the chosen programs against all providers, one after the other."""
    results: dict[tuple[str, str], Results] = {}
    FOLDER.mkdir(exist_ok=True)
    async with run_sidecar(six_providers()) as sidecar:
        for name in chosen:
            before = len(sidecar.sandbox.requests(RECORDED_AT))
            for provider in PROVIDERS:
                results[name, provider] = await run_program(PROGRAMS[name], sidecar, provider)
            if path := PROGRAMS[name].recorded:
                record(name, bodies_to_record(path, sidecar.sandbox.requests(RECORDED_AT)[before:]))
    return results


def lines(results: Mapping[tuple[str, str], Results]) -> Iterable[str]:
    """Return a table with a row for each case of a program, and what went wrong below it."""
    programs = dict.fromkeys(name for name, _ in results)
    yield f"{'':45}" + "".join(f"{provider:>10}" for provider in PROVIDERS)
    for name in programs:
        for case in dict.fromkeys(case for provider in PROVIDERS for case in results[name, provider]):
            cells = [results[name, provider].get(case, "-") for provider in PROVIDERS]
            yield f"{name + ', ' + case:45}" + "".join(
                f"{cell if cell in ('ok', '-') else 'FAILED':>10}" for cell in cells
            )
    for (name, provider), cases in results.items():
        yield from (f"{name}, {case}, {provider}: {result}" for case, result in cases.items() if result != "ok")


def runnable(names: Iterable[str]) -> list[str]:
    """Return the programs that can be run here, and say which cannot."""
    names = list(names)
    for name in names:
        if lacks := PROGRAMS[name].lacks:
            sys.stdout.write(f"{name}: skipped, {lacks} is not installed\n")
    return [name for name in names if not PROGRAMS[name].lacks]


def main() -> int:
    chosen = [name for name in PROGRAMS if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    results = asyncio.run(run_all(runnable(chosen)))
    sys.stdout.write("\n".join(lines(results)) + "\n")
    return int(any(result != "ok" for cases in results.values() for result in cases.values()))


if __name__ == "__main__":
    sys.exit(main())
