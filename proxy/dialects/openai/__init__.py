"""OpenAI's own format: what passes through is never re-serialised."""

from proxy.dialects.contract import Dialect
from proxy.dialects.openai.request import ask
from proxy.dialects.openai.response import answer, error
from proxy.dialects.openai.stream import Passing, begins
from proxy.dialects.openai.tables import PATHS

DIALECT = Dialect(
    name="openai",
    auth="bearer",
    paths=PATHS,
    ask=ask,
    answer=answer,
    stream=Passing,
    begins=begins,
    error=error,
    # X-Stainless-* is the telemetry of the SDK that the caller uses, and callers speak OpenAI's format.
    forwarded=("openai-", "x-stainless-"),
)
