"""AI gateways, installed from PyPI and npm: TensorZero, ferrogw, smg, LiteLLM and Portkey."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

from bench.install import from_npm, from_pypi
from bench.payloads import ANTHROPIC_MODEL, OPENAI, PROVIDER_KEY, STREAM_MODELS, Api
from bench.processes import free_port
from bench.proxies.proxy import PORT_FILE, Proxy, ProxyPorts, with_environment

_OPENAI_MODELS = tuple(STREAM_MODELS.values())
_KEYS = {"OPENAI_API_KEY": PROVIDER_KEY, "ANTHROPIC_API_KEY": PROVIDER_KEY}

_TENSORZERO_PROGRAM = f"""
import pathlib, signal, sys
from tensorzero.tensorzero import _start_http_gateway

stores = dict.fromkeys(("clickhouse_url", "postgres_url", "valkey_url"))
gateway = _start_http_gateway(config_file=sys.argv[1], async_setup=False, **stores)
port = gateway.base_url.split(":")[2].split("/")[0]
pathlib.Path(sys.argv[1]).with_name("{PORT_FILE}").write_text(port)
signal.pause()
"""


def _write_tensorzero(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    """Configure the gateway inside the Python package, which chooses its port. Observability is off."""
    lines = ["[gateway]", "observability.enabled = false", "disable_pseudonymous_usage_analytics = true"]
    for kind, model in [*(("openai", model) for model in _OPENAI_MODELS), ("anthropic", ANTHROPIC_MODEL)]:
        lines += [
            f'[models."{model}"]',
            f'routing = ["{kind}"]',
            f'[models."{model}".providers.{kind}]',
            f'type = "{kind}"',
            f'model_name = "{model}"',
            f'api_base = "http://127.0.0.1:{ports.upstream}/v1/"',
        ]
    config, launcher = directory / "tensorzero.toml", directory / "gateway.py"
    config.write_text("\n".join(lines) + "\n")
    launcher.write_text(_TENSORZERO_PROGRAM)
    return with_environment(_KEYS, [program, str(launcher), str(config)])


def _write_ferrogw(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    """Configure both providers, no rate limit, and no log of requests."""
    config = directory / "ferrogw.yaml"
    config.write_text("strategy: {mode: fallback}\ntargets:\n  - virtual_key: openai\n  - virtual_key: anthropic\n")
    origin = f"http://127.0.0.1:{ports.upstream}"
    variables = {
        **_KEYS,
        "OPENAI_BASE_URL": origin,
        "ANTHROPIC_BASE_URL": origin,
        "GATEWAY_CONFIG": str(config),
        "PORT": str(ports.listen),
        "MASTER_KEY": "fgw_" + "0" * 32,
        "ALLOW_UNAUTHENTICATED_PROXY": "true",
        "RATE_LIMIT_RPS": "0",
        "LOG_LEVEL": "error",
    }
    return with_environment(variables, [program, "serve"])


def _write_smg(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    options = {
        "backend": "openai",
        "host": "127.0.0.1",
        "port": ports.listen,
        "worker-urls": f"http://127.0.0.1:{ports.upstream}",
        "history-backend": "none",
        "log-level": "error",
        "prometheus-host": "127.0.0.1",
        "prometheus-port": free_port(),
    }
    return [program, "launch", *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


def _write_litellm(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    """Configure one worker, without a database. It must not end streams that repeat the same text, as ours do."""
    origin = f"http://127.0.0.1:{ports.upstream}"
    bases = {**{f"openai/{model}": f"{origin}/v1" for model in _OPENAI_MODELS}, f"anthropic/{ANTHROPIC_MODEL}": origin}
    models = [
        {
            "model_name": model.partition("/")[2],
            "litellm_params": {"model": model, "api_base": base, "api_key": PROVIDER_KEY},
        }
        for model, base in bases.items()
    ]
    config = directory / "litellm.yaml"
    config.write_text(json.dumps({"model_list": models, "litellm_settings": {"telemetry": False}}, indent=1))
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(ports.listen), "--num_workers", "1"]
    variables = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "REPEATED_STREAMING_CHUNK_LIMIT": "1000000",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "HOME": str(directory),
    }
    return with_environment(variables, [program, *options, "--telemetry", "False"])


def _write_portkey(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    """Return the command. Every request carries the provider and its address.

    Its lock file holds @hono/node-server back: with 1.19, every stream is answered with status 500.
    """
    return [shutil.which("node") or "node", program, f"--port={ports.listen}", "--headless"]


def _portkey_api(provider: str) -> Api:
    base = "http://127.0.0.1:{upstream}/v1"
    return Api(headers={"x-portkey-provider": provider, "x-portkey-custom-host": base})


_TENSORZERO_API = Api("/openai/v1/chat/completions", "tensorzero::model_name::")

TENSORZERO = Proxy(
    "the PyPI package tensorzero",
    partial(from_pypi, "tensorzero", "bin/python"),
    _write_tensorzero,
    api=_TENSORZERO_API,
    translated_api=_TENSORZERO_API,
    chooses_port=True,
)
FERROGW = Proxy(
    "the PyPI package ferrogw",
    partial(from_pypi, "ferrogw", "bin/ferrogw"),
    _write_ferrogw,
    translated_api=OPENAI,
    listens_on_all_interfaces=True,
)
SMG = Proxy("the PyPI package smg", partial(from_pypi, "smg", "bin/smg"), _write_smg)
LITELLM = Proxy(
    "the PyPI package litellm",
    partial(from_pypi, "litellm", "bin/litellm"),
    _write_litellm,
    translated_api=OPENAI,
    slowness=20,
)
PORTKEY = Proxy(
    "the npm package @portkey-ai/gateway",
    partial(from_npm, "portkey", "node_modules/@portkey-ai/gateway/build/start-server.js"),
    _write_portkey,
    api=_portkey_api("openai"),
    translated_api=_portkey_api("anthropic"),
    slowness=4,
    listens_on_all_interfaces=True,
)
