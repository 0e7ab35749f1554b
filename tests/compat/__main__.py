"""Runs every program against every simulated provider: `make compat`. The programs have an environment of their own.

What they send is recorded in `requests/`: tests translate it for every dialect.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.compat.recorded import FOLDER
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

HERE = Path(__file__).parent
RECORDED_AT = "openai"
"""The provider that receives what the programs send, apart from the model."""
TIMEOUT_S = 180

PYTHON = (str(HERE.parent.parent / "build" / "compat" / "bin" / "python"),)
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "openai .parse()": (*PYTHON, "openai_parse.py"),
    "LangChain with_structured_output": (*PYTHON, "langchain_structured.py"),
    "LlamaIndex": (*PYTHON, "llama_index_structured.py"),
    "pydantic-ai": (*PYTHON, "pydantic_ai_structured.py"),
    "instructor": (*PYTHON, "instructor_structured.py"),
}
"""Name -> the command, in the folder `programs`. It prints its results as JSON: case -> `ok` or what is wrong."""

Results = dict[str, str]


async def run_program(command: Iterable[str], sidecar: RunningSidecar, provider: str) -> Results:
    """Run one program against one provider. Returns its results."""
    environ = {"COMPAT_BASE_URL": f"{sidecar.url}/v1", "COMPAT_MODEL": f"{provider}/{PROVIDERS[provider]}"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=HERE / "programs", env={**os.environ, **environ, "NO_PROXY": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    lines = output.decode().splitlines()
    if process.returncode or not lines:
        return {"start": errors.decode()[-300:]}
    results: Results = json.loads(lines[-1])
    return results


def record(name: str, bodies: Iterable[bytes]) -> None:
    """Keep the requests of one program."""
    stem = "".join(character if character.isalnum() else "-" for character in name.lower()).strip("-")
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
            record(name, [each.body for each in sidecar.sandbox.requests(RECORDED_AT)[before:]])
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


def main() -> int:
    chosen = [name for name in PROGRAMS if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    results = asyncio.run(run_all(chosen))
    sys.stdout.write("\n".join(lines(results)) + "\n")
    return int(any(result != "ok" for cases in results.values() for result in cases.values()))


if __name__ == "__main__":
    sys.exit(main())
