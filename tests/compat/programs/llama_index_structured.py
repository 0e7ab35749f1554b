from __future__ import annotations

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike
from trip import BASE_URL, KEY, MODEL, QUESTION, Trip, run


def llm(**options: object) -> OpenAILike:
    return OpenAILike(model=MODEL, api_base=BASE_URL, api_key=KEY, is_chat_model=True, max_retries=0, **options)


def whole() -> object:
    return llm(is_function_calling_model=True).as_structured_llm(Trip).chat([ChatMessage(content=QUESTION)]).raw


def streamed() -> object:
    structured = llm(is_function_calling_model=True).as_structured_llm(Trip)
    return list(structured.stream_chat([ChatMessage(content=QUESTION)]))[-1].raw


def by_schema() -> object:
    return llm(should_use_structured_outputs=True).as_structured_llm(Trip).chat([ChatMessage(content=QUESTION)]).raw


run({"whole": whole, "streamed": streamed, "by a schema": by_schema})
