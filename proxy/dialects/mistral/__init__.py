"""Mistral: requests are checked member by member there, answers are those of an OpenAI-shaped host."""

from proxy.dialects.contract import Asking, Dialect
from proxy.dialects.meta.error import error
from proxy.dialects.meta.response import answer
from proxy.dialects.meta.stream import Mending, begins
from proxy.dialects.mistral.request import ask, unsupported
from proxy.dialects.mistral.tables import PATHS

DIALECT = Dialect(
    name="mistral",
    auth="bearer",
    paths=PATHS,
    ask=ask,
    answer=answer,
    stream=Mending,
    begins=begins,
    error=error,
    listing=Asking("/v1/models"),
    prefill=lambda model: True,
    echoes=True,
    unsupported=unsupported,
)
