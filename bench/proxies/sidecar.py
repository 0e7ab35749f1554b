"""The sidecar with its whole default pipeline, and its server and transport without one."""

from __future__ import annotations

import json
from pathlib import Path

from bench.install import from_pypi
from bench.payloads import (
    ALIAS_MODEL,
    ANTHROPIC_MODEL,
    OPENAI,
    PROVIDER_KEY,
    STREAM_MODELS,
    TOOLS_BASE,
    TOOLS_MODEL,
    UNARY_MODEL,
)
from bench.processes import free_port
from bench.proxies.proxy import Proxy, ProxyPorts

_PIPELINE = "access_log auth header_policy limits strategy sse_passthrough failover translate"


_LOCK = Path(__file__).parents[2] / "deploy" / "requirements.lock"


def _find() -> str | None:
    """Return a Python that has what the sidecar requires, and nothing of the tests'. It finds the checkout by its directory."""
    return from_pypi("sidecar", "bin/python", _LOCK)


def _write(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    """Configure default options. The log goes to the output file."""
    origin = f"http://127.0.0.1:{ports.upstream}"
    openai = {"dialect": "openai", "api_key": PROVIDER_KEY}
    config = {
        "listen": {"host": "127.0.0.1", "port": ports.listen},
        "admin": {"host": "127.0.0.1", "port": free_port()},
        "pipeline": _PIPELINE.split(),
        "providers": {
            "openai": {**openai, "base_url": f"{origin}/v1"},
            "tools": {**openai, "base_url": f"{origin}{TOOLS_BASE}/v1"},
            "anthropic": {"dialect": "anthropic", "api_key": PROVIDER_KEY, "base_url": origin},
        },
        "models": {
            UNARY_MODEL: {"openai": UNARY_MODEL},
            ALIAS_MODEL: {"openai": UNARY_MODEL},
            TOOLS_MODEL: {"tools": TOOLS_MODEL},
            STREAM_MODELS[1]: {"openai": STREAM_MODELS[1]},
            ANTHROPIC_MODEL: {"anthropic": ANTHROPIC_MODEL},
        },
    }
    path = directory / "routing.yaml"
    path.write_text(json.dumps(config, indent=1))
    return [program, "-m", "proxy", "serve", "--config", str(path)]


SIDECAR = Proxy(
    "this repository, with `deploy/requirements.lock`", _find, _write, translated_api=OPENAI, variants_api=OPENAI
)


def _write_bare(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    path = directory / "bare.json"
    path.write_text(json.dumps({"listen": ports.listen, "upstream": ports.upstream}))
    return [program, "-m", "bench.bare", str(path)]


BARE = Proxy("this repository", _find, _write_bare)
