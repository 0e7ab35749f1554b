"""Shared code contains no vendor's name: what differs is a field of a dialect, or of a client format."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.source import sources

VENDOR = re.compile(
    r"(?<![a-z])(openai|anthropic|claude|google|gemini|mistral|cohere|groq|azure|vllm)(?![a-z])", re.IGNORECASE
)
EXEMPT = ("proxy/dialects/", "proxy/ingress/", "proxy/sandbox/", "proxy/cli/vendors.py", "proxy/cli/discovery.py")


def vendor_names(files: Mapping[str, str]) -> Iterator[str]:
    """Yield `file:line: text` of each string literal that is or contains a vendor's name, texts with spaces excepted.

    Docstrings and examples in help texts may name vendors; header names, keys and values may not."""
    for path, text in files.items():
        if not path.startswith(EXEMPT):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                    value = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                    if VENDOR.search(value) and " " not in value:
                        yield f"{path}:{node.lineno}: {value}"


def test_shared_code_names_no_vendor() -> None:
    found = list(vendor_names(sources()))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("proxy/headers.py", 'X = {"openai-processing-ms"}', ["proxy/headers.py:1: openai-processing-ms"]),
        ("proxy/tracing/x.py", '"""Doc of OpenAI."""\nX = {"google": b"gcp.gemini"}', [
            "proxy/tracing/x.py:2: google", "proxy/tracing/x.py:2: gcp.gemini"]),
        ("proxy/cli/x.py", 'X = "such as openai=status"', []),
        ("proxy/dialects/x.py", 'X = "openai"', []),
    ],
)  # fmt: skip
def test_a_vendors_name_is_found(path: str, text: str, found: list[str]) -> None:
    assert sorted(vendor_names({path: text})) == sorted(found)
