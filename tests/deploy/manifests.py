"""Manifests as kustomize and Helm build them, and what Kubernetes makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from tests.source import ROOT

Document = dict[str, Any]
BUILT = ROOT / "tests/deploy/built"


def load(name: str) -> list[Document]:
    """The documents of one build."""
    return list(yaml.safe_load_all((BUILT / f"{name}.yaml").read_text()))


def find(documents: Iterable[Document], kind: str, name: str | None = None) -> Document:
    """The only document of a kind, or that with this name."""
    (found,) = (each for each in documents if each["kind"] == kind and name in (None, each["metadata"]["name"]))
    return found


def pod_template(workload: Document) -> Document:
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]


def workloads(documents: Iterable[Document]) -> dict[str, Document]:
    """The pod templates by the workload's name."""
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    return {each["metadata"]["name"]: pod_template(each) for each in documents if each["kind"] in kinds}


def variables(container: Document, documents: Iterable[Document]) -> dict[str, Any]:
    """The variables of a container, by Kubernetes' rules: later sources win, and `env` wins over them all."""
    data = {each["metadata"]["name"]: each["data"] for each in documents if each["kind"] == "ConfigMap"}
    found: dict[str, Any] = {}
    for source in container.get("envFrom", ()):
        values = data.get(source.get("configMapRef", {}).get("name"), {})
        found |= {(source.get("prefix") or "") + key: value for key, value in values.items()}
    return found | {each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", ())}


def containers(pod: Document) -> Iterator[Document]:
    yield from pod["spec"].get("initContainers", ())
    yield from pod["spec"]["containers"]
