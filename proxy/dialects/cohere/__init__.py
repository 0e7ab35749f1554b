"""Cohere's v2 chat."""

from proxy.dialects.cohere.request import ask, unsupported
from proxy.dialects.cohere.response import answer, error
from proxy.dialects.cohere.stream import Translating, begins
from proxy.dialects.cohere.tables import PATHS
from proxy.dialects.contract import Asking, Dialect

DIALECT = Dialect(
    name="cohere",
    auth="bearer",
    paths=PATHS,
    ask=ask,
    answer=answer,
    stream=Translating,
    begins=begins,
    error=error,
    listing=Asking("/v1/models?page_size=1"),
    unsupported=unsupported,
)
