"""The kustomize components add the sidecar to workloads that know nothing of it, and change nothing else of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.check.manifests import BUILT, KUSTOMIZATIONS, build, parse, tool
from deploy.check.outcome import run
from tests.deploy.manifests import Document, containers, find, load, pod_template, variables, workloads
from tests.running import build_generation
from tests.source import ROOT
from tests.test_docs import blocks, read_doc

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="no kubectl here; make deploy-check gets one"
)
COMPONENTS = ROOT / "deploy/kubernetes"
BEFORE = workloads(yaml.safe_load_all((ROOT / "tests/deploy/kustomize/workloads/workloads.yaml").read_text()))
SIDECAR = load("sidecar")
PLAIN = load("plain-container")
LONG_RUNNING = ("bare", "full", "store", "agent")
JOBS = ("once", "nightly")
URL = "http://127.0.0.1:8090"
ADDRESSES = {"OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_BASE": f"{URL}/v1", "ANTHROPIC_BASE_URL": URL}


def sidecar_of(pod: Document) -> Document:
    (found,) = (each for each in containers(pod) if each["name"] == "parrot")
    return found


def names(items: list[Document]) -> list[str]:
    return [each["name"] for each in items]


@needs_kubectl
@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_manifests_are_what_kustomize_builds(name: str) -> None:
    assert build(name) == parse((BUILT / f"{name}.yaml").read_text()), "run `make manifests`"


@pytest.mark.parametrize("name", BEFORE)
def test_the_sidecar_is_the_first_init_container_and_runs_on(name: str) -> None:
    pod = workloads(SIDECAR)[name]
    before = names(BEFORE[name]["spec"].get("initContainers", []))
    assert names(pod["spec"]["initContainers"]) == ["parrot", *before]
    assert sidecar_of(pod)["restartPolicy"] == "Always"


@pytest.mark.parametrize("name", BEFORE)
def test_every_container_finds_the_sidecar(name: str) -> None:
    for container in workloads(SIDECAR)[name]["spec"]["containers"]:
        own = {each["name"] for each in container.get("env", ())}
        found = variables(container, SIDECAR)
        assert {key: found[key] for key in ADDRESSES.keys() - own} == {
            key: ADDRESSES[key] for key in ADDRESSES.keys() - own
        }


@pytest.mark.parametrize(
    ("workload", "container", "variable", "value"),
    [
        ("full", "own-variable", "OPENAI_BASE_URL", "https://own.test/v1"),
        ("full", "own-variable", "MODE", "fast"),
        ("full", "own-variable-of-a-secret", "ANTHROPIC_BASE_URL", {"secretKeyRef": {"key": "url", "name": "own"}}),
        ("nightly", "upload", "OPENAI_BASE_URL", "https://own.test/v1"),
    ],
)
def test_the_variables_of_the_application_win(workload: str, container: str, variable: str, value: Any) -> None:
    (found,) = (each for each in workloads(SIDECAR)[workload]["spec"]["containers"] if each["name"] == container)
    assert variables(found, SIDECAR)[variable] == value


@pytest.mark.parametrize(
    ("documents", "names_"), [(SIDECAR, [*BEFORE]), (PLAIN, [*LONG_RUNNING])], ids=["sidecar", "plain"]
)
def test_nothing_else_of_a_workload_changes(documents: list[Document], names_: list[str]) -> None:
    for name in names_:
        assert without_sidecar(workloads(documents)[name]) == BEFORE[name]


def without_sidecar(pod: Document) -> Document:
    """A pod template less what a component adds."""
    spec = {key: value for key, value in pod["spec"].items() if key != "enableServiceLinks"}
    for key in ("initContainers", "containers", "volumes"):
        added = ("parrot", "parrot-routing", "parrot-keys")
        kept = [each for each in spec.get(key, ()) if each["name"] not in added]
        spec[key] = kept if key == "volumes" else list(map(without_addresses, kept))
    metadata = {**pod["metadata"], "labels": {**pod["metadata"]["labels"]}}
    del metadata["labels"]["parrot-sidecar"]
    return drop_empty({"metadata": drop_empty(metadata), "spec": drop_empty(spec)})


def without_addresses(container: Document) -> Document:
    sources = [each for each in container.get("envFrom", ()) if "parrot-env" not in str(each)]
    return drop_empty({**container, "envFrom": sources})


def drop_empty(mapping: Document) -> Document:
    return {key: value for key, value in mapping.items() if value not in ([], {})}


@pytest.mark.parametrize("name", BEFORE)
def test_probes_and_metrics_are_on_the_named_admin_port(name: str) -> None:
    container = sidecar_of(workloads(SIDECAR)[name])
    (port,) = container["ports"]
    assert port == {"name": "parrot-metrics", "containerPort": 9464} and len(port["name"]) <= 15
    probes = {key: container[key]["httpGet"] for key in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {key: probe["path"] for key, probe in probes.items()} == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    }
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert {"--host=127.0.0.1", "--admin-host=0.0.0.0", f"--admin-port={port['containerPort']}"} <= {*container["args"]}


@pytest.mark.parametrize("documents", [SIDECAR, PLAIN], ids=["sidecar", "plain"])
def test_the_sidecar_has_no_rights_and_a_cpu_request(documents: list[Document]) -> None:
    container = sidecar_of(workloads(documents)["full"])
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,  # the pod's own context says root
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"memory"}


@pytest.mark.parametrize("documents", [SIDECAR, PLAIN], ids=["sidecar", "plain"])
def test_files_are_mounted_as_folders_under_fixed_names(documents: list[Document]) -> None:
    pod = workloads(documents)["full"]
    mounts = {each["mountPath"]: each for each in sidecar_of(pod)["volumeMounts"]}
    assert mounts.keys() == {"/etc/parrot", "/run/secrets/parrot"}
    assert not [each for each in mounts.values() if "subPath" in each]
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    assert volumes["parrot-routing"]["configMap"] == {"name": "parrot-routing"}
    assert volumes["parrot-keys"]["secret"] == {"secretName": "parrot-keys", "optional": True}
    assert find(documents, "ConfigMap", "parrot-routing")  # without a suffix, so that a change is a reload


@pytest.mark.parametrize("name", ["sidecar", "plain-container", "example"])
def test_flux_leaves_the_variables_of_routing_yaml(name: str) -> None:
    config = find(load(name), "ConfigMap", "parrot-routing")
    assert config["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    assert "${file:/run/secrets/parrot/openai}" in config["data"]["routing.yaml"]


@pytest.mark.parametrize("documents", [SIDECAR, PLAIN], ids=["sidecar", "plain"])
def test_services_set_no_variables(documents: list[Document]) -> None:
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in added(documents))


def added(documents: list[Document]) -> list[Document]:
    """The pods with a sidecar."""
    return [pod for pod in workloads(documents).values() if "parrot" in names(list(containers(pod)))]


@pytest.mark.parametrize("documents", [SIDECAR, PLAIN], ids=["sidecar", "plain"])
def test_the_sidecar_has_no_hook_and_the_pod_keeps_its_grace_period(documents: list[Document]) -> None:
    pod = workloads(documents)["full"]
    assert "lifecycle" not in sidecar_of(pod)
    assert pod["spec"]["terminationGracePeriodSeconds"] == 120


def test_the_components_contain_no_network_policy() -> None:
    assert not [each for each in (*SIDECAR, *PLAIN) if each["kind"] == "NetworkPolicy"]


def test_the_network_policy_selects_only_pods_with_its_own_label_and_allows_dns() -> None:
    policy = yaml.safe_load((COMPONENTS / "network-policy.yaml").read_text())["spec"]
    (label,) = policy["podSelector"]["matchLabels"].items()
    assert not [pod for pod in added(SIDECAR) if label in pod["metadata"]["labels"].items()]
    assert policy["policyTypes"] == ["Egress"]  # requests to the application are its own matter
    assert {(port["protocol"], port["port"]) for port in policy["egress"][0]["ports"]} == {("UDP", 53), ("TCP", 53)}


def test_the_pod_monitor_finds_the_sidecars() -> None:
    spec = yaml.safe_load((COMPONENTS / "pod-monitor.yaml").read_text())["spec"]
    for pod in (*added(SIDECAR), *added(PLAIN)):
        assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert spec["podMetricsEndpoints"][0]["port"] == sidecar_of(pod)["ports"][0]["name"]


def test_the_plain_container_comes_last_and_not_to_jobs() -> None:
    after = workloads(PLAIN)
    for name in LONG_RUNNING:
        assert names(after[name]["spec"]["containers"]) == [*names(BEFORE[name]["spec"]["containers"]), "parrot"]
        assert "restartPolicy" not in sidecar_of(after[name])
    assert {name: after[name] for name in JOBS} == {name: BEFORE[name] for name in JOBS}


def test_the_plain_container_is_that_of_the_sidecar() -> None:
    native, plain = sidecar_of(workloads(SIDECAR)["bare"]), sidecar_of(workloads(PLAIN)["bare"])
    for key in ("image", "args", "ports", "livenessProbe", "resources", "securityContext", "volumeMounts"):
        assert plain[key] == native[key]


def test_the_patch_of_cron_jobs_is_that_of_other_workloads() -> None:
    read = (yaml.safe_load((COMPONENTS / f"sidecar/{name}.yaml").read_text()) for name in ("pod-template", "cron-job"))
    first, second = map(pod_template, read)
    assert first == second


def test_the_example_is_a_deployment_with_a_sidecar_and_a_valid_file() -> None:
    example = load("example")
    (pod,) = added(example)
    assert sidecar_of(pod)["image"] == "registry.example.com/parrot-sidecar:0.1.0"
    text = find(example, "ConfigMap", "parrot-routing")["data"]["routing.yaml"]
    assert build_generation(text).snapshot.providers.keys() == {"openai", "anthropic"}


# The guide, as written.

GUIDE = read_doc("guides/kubernetes.md")
ROUTING, KUSTOMIZATION, PATCHES = blocks(GUIDE, "yaml")


def build_guide(folder: Path, kustomization: str) -> list[Document]:
    """Build a kustomization in a folder with the files that the guide names."""
    shutil.copytree(COMPONENTS, folder / "parrot-sidecar/deploy/kubernetes")
    shutil.copy(COMPONENTS / "example/deployment.yaml", folder)
    (folder / "routing.yaml").write_text(ROUTING)
    (folder / "kustomization.yaml").write_text(kustomization)
    return parse(run(tool("kubectl"), "kustomize", folder))


@needs_kubectl
def test_the_guide_builds_the_example(tmp_path: Path) -> None:
    assert build_guide(tmp_path, KUSTOMIZATION) == parse((BUILT / "example.yaml").read_text())


@needs_kubectl
def test_the_patches_of_the_guide_change_the_sidecar(tmp_path: Path) -> None:
    built = build_guide(tmp_path, KUSTOMIZATION + PATCHES)
    (pod,) = added(built)
    container = sidecar_of(pod)
    assert "runAsUser" not in container["securityContext"]
    assert container["resources"]["limits"] == {"memory": "512Mi"}
    assert container["ports"][0]["containerPort"] == 9465 and container["args"][-1] == "--admin-port=9465"
    (application,) = pod["spec"]["containers"]
    assert set(variables(application, built).values()) == {"http://127.0.0.1:8091", "http://127.0.0.1:8091/v1"}


def test_the_guide_shows_the_routing_yaml_of_the_example() -> None:
    assert (COMPONENTS / "example/routing.yaml").read_text() == ROUTING
