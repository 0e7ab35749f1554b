"""A pod whose containers are processes: the sidecar with the arguments of the manifests, and applications beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from tests.cli.serve_process import ASK, ServeProcess
from tests.deploy.manifests import containers, load, variables, workloads
from tests.volume import MountedVolume

SECRETS = "/run/secrets/parrot"


class Pod:
    """What the kubelet runs for one of the workloads, with a ConfigMap and a Secret that can be updated."""

    def __init__(self, folder: Path, routing: str, keys: Mapping[str, str], workload: tuple[str, str], *options: str):
        self._folder = folder
        self._keys = MountedVolume(folder / "keys", keys)
        self._config = MountedVolume(folder / "config", {"routing.yaml": self._located(routing)})
        self._documents = load(workload[0])
        self._pod = workloads(self._documents)[workload[1]]
        (sidecar,) = (each for each in containers(self._pod) if each["name"] == "parrot")
        command, *arguments = sidecar["args"]
        assert command == "serve"
        self.sidecar = ServeProcess(str(folder / "config" / "routing.yaml"), *arguments, *options)

    def __enter__(self) -> Pod:
        return self

    def __exit__(self, *error: object) -> None:
        self.sidecar.__exit__(*error)

    def update_config(self, routing: str) -> None:
        self._config.update({"routing.yaml": self._located(routing)})

    def update_keys(self, keys: Mapping[str, str]) -> None:
        self._keys.update(keys)

    def _located(self, routing: str) -> str:
        return routing.replace(SECRETS, str(self._folder / "keys"))

    def start_application(self, code: str) -> subprocess.Popen[str]:
        """Start a Python program with the variables of the first container. It finds the sidecar by them alone."""
        found = variables(self._pod["spec"]["containers"][0], self._documents)
        located = {name: value.replace("http://127.0.0.1:8090", self.sidecar.url) for name, value in found.items()}
        environ = {**os.environ, **located}
        return subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True)

    def ask(self) -> tuple[int, Any]:
        """Send a chat and return status and JSON."""
        try:
            with self.sidecar.request(self.sidecar.url, "/v1/chat/completions", ASK) as response:
                return response.status, json.load(response)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_for(self, condition: Callable[[Any], bool]) -> None:
        """Return when the sidecar's configuration, as its admin listener shows it, meets a condition."""
        while True:
            with self.sidecar.request(self.sidecar.admin, "/admin/config") as response:
                if condition(json.load(response)):
                    return

    def terminate_sidecar(self) -> tuple[int, list[str]]:
        """Send SIGTERM, as the kubelet does after the last application has ended. Returns exit code and log events."""
        self.sidecar.send(signal.SIGTERM)
        return self.sidecar.wait()
