from __future__ import annotations

import instructor
import openai
from trip import BASE_URL, KEY, MODEL, QUESTION, Trip, run

MESSAGES = [{"role": "user", "content": QUESTION}]


def client(mode: instructor.Mode) -> instructor.Instructor:
    return instructor.from_openai(openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0), mode=mode)


def by(mode: instructor.Mode) -> object:
    answer = client(mode).chat.completions.create(model=MODEL, messages=MESSAGES, response_model=Trip, max_retries=0)
    return answer.model_dump()


def streamed() -> object:
    partials = client(instructor.Mode.TOOLS).chat.completions.create_partial(
        model=MODEL, messages=MESSAGES, response_model=Trip, max_retries=0
    )
    return list(partials)[-1].model_dump()


run(
    {
        "whole": lambda: by(instructor.Mode.JSON_SCHEMA),
        "streamed": streamed,
        "by a tool": lambda: by(instructor.Mode.TOOLS),
    }
)
