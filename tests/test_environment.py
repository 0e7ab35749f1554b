"""No variable with the sidecar's name configures it: Kubernetes sets such ones for a Service that is called `parrot`."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.serve_process import ServeProcess
from tests.fakes import routing_yaml
from tests.source import sources

_READ = re.compile(r'environ(?:\.get\(|\[)["\'](PARROT_\w*)')


def test_the_only_variable_of_its_own_is_the_key_that_its_clients_send() -> None:
    read = {path: _READ.findall(text) for path, text in sources().items()}
    assert {path: names for path, names in read.items() if names} == {
        "proxy/cli/compare/connection.py": ["PARROT_API_KEY"],
        "proxy/cli/explain.py": ["PARROT_API_KEY"],
        "proxy/cli/top.py": ["PARROT_API_KEY"],
        "proxy/client.py": ["PARROT_API_KEY"],
    }


SERVICE = {
    "PARROT_SERVICE_HOST": "10.0.0.7",
    "PARROT_SERVICE_PORT": "9999",
    "PARROT_PORT": "tcp://10.0.0.7:9999",
    "PARROT_HOST": "0.0.0.0",
    "PARROT_CONFIG": "/nowhere.yaml",
    "PARROT_ADMIN_PORT": "tcp://10.0.0.7:9998",
    "PARROT_API_KEY": "tcp://10.0.0.7:9997",
}
"""What Kubernetes sets for Services called `parrot`, `parrot-admin` and `parrot-api`, and guesses of people."""


def test_serve_ignores_the_variables_of_a_service_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text(routing_yaml())
    with ServeProcess(str(path), environ=SERVICE) as sidecar:
        assert sidecar.url.startswith("http://127.0.0.1:") and not sidecar.url.endswith(":9999")
        with sidecar.request(sidecar.url, "/v1/models") as answer:
            assert answer.status == 200
