"""The text that `parrot serve` prints at start: addresses, providers, and a command to try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.cli import file
from proxy.config.snapshot import Snapshot
from proxy.middleware.auth import Auth
from proxy.sidecar import Sidecar

if TYPE_CHECKING:
    from proxy.cli.serve_sandbox import ServeSandbox

_NONE_ENABLED = """\
  no provider is enabled, so every request would fail:
    set the key of one and start again
    or try simulated providers, which need no keys: parrot serve --sandbox (in a clone: make run)"""


def banner(sidecar: Sidecar, name: str, sandbox: ServeSandbox | None) -> str:
    """Return the text for a started sidecar, configured by the file `name`."""
    snapshot = sidecar.handler.generation.snapshot
    name = f"the built-in example, as there is no {file.DEFAULT} here" if name == file.EXAMPLE else name
    enabled = enabled_providers(snapshot)
    lines = [f"parrot {__version__} listening on {', '.join(sidecar.server.urls)}, configured by {name}"]
    lines += _provider_lines(snapshot, "simulated providers" if sandbox else "providers")
    if not sidecar.url.startswith("unix:"):
        lines.append(f"  dashboard: {sidecar.url}/dashboard")
    lines.append(f"  admin: {sidecar.admin_url}/readyz")
    if sandbox and enabled:
        url = f"{sandbox.control_url}/providers/{enabled[0]}"
        lines.append(f'  inject a fault: curl -X PUT {url} -d \'{{"fault": "down"}}\'')
    return "\n".join([*lines, *(_example(sidecar) if enabled else [_NONE_ENABLED])])


def enabled_providers(snapshot: Snapshot) -> list[str]:
    """Return the names of the providers that may get requests."""
    return [name for name, provider in snapshot.providers.items() if not provider.disabled_reason]


def _provider_lines(snapshot: Snapshot, kind: str) -> Iterator[str]:
    yield f"  {kind}: {', '.join(enabled_providers(snapshot)) or 'none'}"
    disabled = [each for each in snapshot.providers.values() if each.disabled_reason]
    if disabled:
        yield f"  disabled: {', '.join(f'{each.name} ({each.disabled_reason})' for each in disabled)}"


def _example(sidecar: Sidecar) -> list[str]:
    """Return a command that sends a request to a model that an enabled provider serves."""
    generation, url = sidecar.handler.generation, sidecar.url
    model = _served_model(generation.snapshot)
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    target = f"--unix-socket {url[5:]} http://localhost" if url.startswith("unix:") else url
    key = "-H 'Authorization: Bearer KEY' " if generation.pipeline.find(Auth).keys else ""
    hint = "" if model in generation.snapshot.models else ", with a model of the provider in place of MODEL"
    return [
        f"  try it{hint}:",
        f"    curl {target}/v1/chat/completions {key}-H 'Content-Type: application/json' -d '{body}'",
    ]


def _served_model(snapshot: Snapshot) -> str:
    """Return the first model of the file that an enabled provider serves, else a placeholder for one of a provider."""
    for name, targets in snapshot.models.items():
        if any(target.provider.disabled_reason is None for target in targets):
            return name
    return f"{enabled_providers(snapshot)[0]}/MODEL"
