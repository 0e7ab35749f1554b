"""Meta's Model API and other OpenAI-shaped hosts (vLLM, Groq, Ollama, OpenRouter …): passed, mended where they err."""

from proxy.dialects.contract import Dialect
from proxy.dialects.meta.error import error
from proxy.dialects.meta.request import ask
from proxy.dialects.meta.response import answer
from proxy.dialects.meta.stream import Mending, begins
from proxy.dialects.meta.tables import PATHS

DIALECT = Dialect(
    name="meta",
    auth="bearer",
    paths=PATHS,
    ask=ask,
    answer=answer,
    stream=Mending,
    begins=begins,
    error=error,
)
