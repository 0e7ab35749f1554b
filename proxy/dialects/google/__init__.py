"""The Gemini Developer API; OpenAI's chat requests and answers are rewritten both ways."""

from proxy.dialects.contract import Asking, Dialect
from proxy.dialects.google.refusals import error
from proxy.dialects.google.request import PATHS, ask, unsupported
from proxy.dialects.google.response import answer
from proxy.dialects.google.safety import HEADER, read
from proxy.dialects.google.stream import Translating, begins

DIALECT = Dialect(
    name="google",
    auth="x-goog-api-key",
    paths=PATHS,
    ask=ask,
    answer=answer,
    stream=Translating,
    begins=begins,
    error=error,
    listing=Asking("/v1beta/models?pageSize=1"),
    prefill=lambda model: True,
    unsupported=unsupported,
    headers={HEADER: ("safety_settings", read)},
)
