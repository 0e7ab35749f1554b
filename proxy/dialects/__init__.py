"""One folder per wire format; `DIALECTS` is the table of them, and the only place where they are all named."""

from collections.abc import Mapping

from proxy.dialects import google, openai
from proxy.dialects.contract import Dialect

DIALECTS: Mapping[str, Dialect] = {"google": google.DIALECT, "openai": openai.DIALECT}
