"""The Helm chart: what it renders with its defaults, with one replica, and with everything switched on."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from deploy.check.manifests import CHART
from proxy import __version__
from tests.deploy.manifests import Document, find, load, workloads
from tests.running import build_generation

CHARTS = {name: load(name) for name in ("chart", "chart-single", "chart-autoscaled")}
DEFAULT, SINGLE, AUTOSCALED = CHARTS.values()
every = pytest.mark.parametrize("documents", CHARTS.values(), ids=CHARTS)


def pod_of(documents: list[Document]) -> Document:
    (pod,) = workloads(documents).values()
    return pod


def container_of(documents: list[Document]) -> Document:
    (container,) = pod_of(documents)["spec"]["containers"]
    return container


def routing_yaml(documents: list[Document]) -> str:
    return find(documents, "ConfigMap")["data"]["routing.yaml"]


@every
def test_the_file_is_valid_and_requires_a_client_key(documents: list[Document]) -> None:
    text = routing_yaml(documents)
    assert "keys: [{name: app, value: " in text  # without one, a Service's name would be a 403
    assert build_generation(text.replace("${file:/run/secrets/parrot/client-key}", "sk-client")).snapshot.models


@every
def test_the_grace_period_is_that_of_the_drain_and_five_seconds(documents: list[Document]) -> None:
    delay, timeout = re.findall(r"^drain: \{delay: (\d+)s, timeout: (\d+)s\}$", routing_yaml(documents), re.M)[0]
    assert pod_of(documents)["spec"]["terminationGracePeriodSeconds"] == int(delay) + int(timeout) + 5


def test_a_problem_is_at_the_line_of_the_config_that_was_given() -> None:
    given = yaml.safe_load((CHART / "values.yaml").read_text())["config"]
    assert routing_yaml(DEFAULT).startswith(given)


@every
def test_a_change_of_the_file_replaces_no_pod(documents: list[Document]) -> None:
    template = json.dumps(pod_of(documents))
    assert "checksum" not in template and "providers" not in template
    mounts = container_of(documents)["volumeMounts"]
    assert [each for each in mounts if "subPath" in each] == []


def test_a_change_of_the_address_replaces_the_pods() -> None:
    assert "--port=8090" in container_of(DEFAULT)["args"] and "--port=8080" in container_of(AUTOSCALED)["args"]


@every
def test_the_ports_are_named_and_the_service_reaches_the_api_only(documents: list[Document]) -> None:
    ports = {each["name"]: each["containerPort"] for each in container_of(documents)["ports"]}
    assert ports.keys() == {"http", "metrics"}
    (port,) = find(documents, "Service")["spec"]["ports"]
    assert port["targetPort"] == "http"
    assert find(documents, "Service")["spec"]["selector"].items() <= pod_of(documents)["metadata"]["labels"].items()


def test_replicas_are_left_to_the_autoscaler() -> None:
    assert find(DEFAULT, "Deployment")["spec"]["replicas"] == 2
    assert "replicas" not in find(AUTOSCALED, "Deployment")["spec"]
    scaler = find(AUTOSCALED, "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == find(AUTOSCALED, "Deployment")["metadata"]["name"]
    assert "cpu" in container_of(AUTOSCALED)["resources"]["requests"]


def test_the_image_is_of_the_version_of_the_chart_or_has_a_digest() -> None:
    assert container_of(DEFAULT)["image"] == f"parrot-sidecar:{__version__}"
    assert container_of(SINGLE)["image"].startswith("parrot-sidecar@sha256:")


@every
def test_a_node_can_be_drained_whatever_the_number_of_replicas(documents: list[Document]) -> None:
    budget = find(documents, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1 and "minAvailable" not in budget
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@every
def test_the_pods_are_spread_over_nodes(documents: list[Document]) -> None:
    (constraint,) = pod_of(documents)["spec"]["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"  # a single node will do
    assert constraint["labelSelector"]["matchLabels"].items() <= pod_of(documents)["metadata"]["labels"].items()


@every
def test_any_user_without_rights_will_do(documents: list[Document]) -> None:
    spec, container = pod_of(documents)["spec"], container_of(documents)
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert "lifecycle" not in container


def test_keys_are_files_of_an_existing_secret() -> None:
    secrets = [
        each["secret"]
        for documents in (DEFAULT, AUTOSCALED)
        for each in pod_of(documents)["spec"]["volumes"]
        if "secret" in each
    ]
    assert secrets == [{"secretName": "gateway-parrot-sidecar-keys"}, {"secretName": "llm-keys"}]


def test_the_network_policy_allows_dns_and_selects_the_pods_of_the_release() -> None:
    policy = find(AUTOSCALED, "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= pod_of(AUTOSCALED)["metadata"]["labels"].items()
    assert {(port["protocol"], port["port"]) for port in policy["egress"][0]["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert not [each for each in DEFAULT if each["kind"] in ("NetworkPolicy", "PodMonitor")]


def test_flux_leaves_the_variables_of_routing_yaml() -> None:
    annotations = find(DEFAULT, "ConfigMap")["metadata"]["annotations"]
    assert annotations == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}


def test_the_schema_knows_every_value_and_no_other() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() == {*values, "global"}
    for name, rule in schema["properties"].items():
        if "properties" in rule and name != "resources":
            assert rule["properties"].keys() == values[name].keys() and rule["additionalProperties"] is False
