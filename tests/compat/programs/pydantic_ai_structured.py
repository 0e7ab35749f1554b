from __future__ import annotations

import asyncio

from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from trip import BASE_URL, KEY, MODEL, QUESTION, Trip, run

model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL, api_key=KEY))


def whole() -> object:
    return Agent(model, output_type=NativeOutput(Trip), retries=0).run_sync(QUESTION).output


def by_a_tool() -> object:
    return Agent(model, output_type=Trip, retries=0).run_sync(QUESTION).output


def streamed() -> object:
    async def stream() -> object:
        async with Agent(model, output_type=Trip, retries=0).run_stream(QUESTION) as result:
            return await result.get_output()

    return asyncio.run(stream())


run({"whole": whole, "streamed": streamed, "by a tool": by_a_tool})
