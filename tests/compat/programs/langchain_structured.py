from __future__ import annotations

from langchain_openai import ChatOpenAI
from trip import BASE_URL, KEY, MODEL, QUESTION, Trip, run

model = ChatOpenAI(model=MODEL, base_url=BASE_URL, api_key=KEY, max_retries=0, use_responses_api=False)


def by(method: str) -> object:
    return model.with_structured_output(Trip, method=method).invoke(QUESTION)


def streamed() -> object:
    return list(model.with_structured_output(Trip, method="json_schema").stream(QUESTION))[-1]


run({"whole": lambda: by("json_schema"), "streamed": streamed, "by a tool": lambda: by("function_calling")})
