"""Checks of the Kubernetes manifests: what kustomize and Helm build, by Kubernetes' own schemas."""

from __future__ import annotations

import re
from collections.abc import Iterable

import kubernetes_validate
import yaml

from deploy.check.manifests import BUILT, CHART, KUSTOMIZATIONS, RELEASES, build, parse, render, tool
from deploy.check.outcome import ROOT, WORK, CheckFailedError, run

_VERSIONS = ("1.29", "1.31", "1.33", "1.35", "1.37")
_MONITORING = "monitoring.coreos.com/v1"
"""Of the Prometheus operator, whose schema Kubernetes does not have."""

_REFUSED = {
    "--set-string=config=drain: {}": "set drain in the values of the chart",
    "--set=config.providers=x": "config",
    "--set=replicas=0": "replicas",
    "--set=drain.delay=5s": "delay",
}
"""Mistakes in the values, and what the message contains."""


def check_kustomize() -> str:
    """Build the components into workloads of every kind, and validate the result."""
    _check(KUSTOMIZATIONS)
    for file in ("network-policy.yaml", "pod-monitor.yaml"):
        _validate(file, (ROOT / "deploy" / "kubernetes" / file).read_text())
    return f"{', '.join(KUSTOMIZATIONS)}: valid for Kubernetes {_VERSIONS[0]} to {_VERSIONS[-1]}"


def check_helm() -> str:
    """Lint the chart, render it, and validate the result."""
    run(tool("helm"), "lint", "--strict", CHART)
    _check(RELEASES)
    for option, part in _REFUSED.items():
        _check_refused(option, part)
    _check_guide()
    return f"{', '.join(RELEASES)}: valid for Kubernetes {_VERSIONS[0]} to {_VERSIONS[-1]}"


def _check(names: Iterable[str]) -> None:
    for name in names:
        built = build(name)
        if built != parse((BUILT / f"{name}.yaml").read_text()):
            raise CheckFailedError(f"tests/deploy/built/{name}.yaml is not what is built now; run `make manifests`")
        _validate(name, yaml.safe_dump_all(built))


def _check_guide() -> None:
    """Render what the guide installs, with the file that it describes."""
    guide = (ROOT / "docs" / "guides" / "helm.md").read_text()
    (pipeline,) = re.findall(r"^```yaml\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    folder = WORK / "helm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "routing.yaml").write_text(pipeline + (ROOT / "deploy/kubernetes/example/routing.yaml").read_text())
    command = re.findall(r"^helm (install (?:.*\\\n)*.*)$", guide, re.MULTILINE)[0].replace("\\\n", " ")
    words = command.replace("install", "template", 1).replace("deploy/helm", str(CHART.parent)).split()
    _validate("docs/guides/helm.md", run(tool("helm"), *words, cwd=folder))


def _check_refused(option: str, part: str) -> None:
    try:
        render(option)
    except CheckFailedError as error:
        if part in str(error).partition("\n")[2]:
            return
        raise
    raise CheckFailedError(f"helm template {option}: is rendered, but should be refused")


def _validate(name: str, text: str) -> None:
    for document in parse(text):
        for version in _VERSIONS if document["apiVersion"] != _MONITORING else ():
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                raise CheckFailedError(f"{name}: {document['kind']}: Kubernetes {version}: {error}") from error
