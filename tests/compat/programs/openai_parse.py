from __future__ import annotations

import openai
from trip import BASE_URL, KEY, MODEL, QUESTION, Trip, run

client = openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0)
MESSAGES = [{"role": "user", "content": QUESTION}]


def whole() -> object:
    answer = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Trip)
    return answer.choices[0].message.parsed


def streamed() -> object:
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, response_format=Trip) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion().choices[0].message.parsed


run({"whole": whole, "streamed": streamed})
