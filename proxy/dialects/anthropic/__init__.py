"""Anthropic's Messages API."""

from proxy.dialects.anthropic.request import PATHS, ask, unsupported
from proxy.dialects.anthropic.response import answer, error
from proxy.dialects.anthropic.stream import Translating, begins
from proxy.dialects.anthropic.tables import VERSION, traits
from proxy.dialects.contract import Asking, Dialect

DIALECT = Dialect(
    name="anthropic",
    auth="x-api-key",
    paths=PATHS,
    ask=ask,
    answer=answer,
    stream=Translating,
    begins=begins,
    error=error,
    forwarded=("anthropic-",),
    listing=Asking("/v1/models?limit=1", headers={"anthropic-version": VERSION}),
    prefill=lambda model: traits(model).prefill,
    unsupported=unsupported,
)
