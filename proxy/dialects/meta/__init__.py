"""Meta's Model API and other OpenAI-shaped hosts (vLLM, Groq, Ollama, OpenRouter …): passed, mended where they err."""

from proxy.dialects.contract import Dialect
from proxy.dialects.meta.error import translate_error
from proxy.dialects.meta.request import build_request
from proxy.dialects.meta.response import translate_response
from proxy.dialects.meta.stream import RepairingStream, has_content
from proxy.dialects.meta.tables import PATHS

DIALECT = Dialect(
    name="meta",
    auth="bearer",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=RepairingStream,
    has_content=has_content,
    translate_error=translate_error,
)
