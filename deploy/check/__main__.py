"""Runs every check, or those named on the command line."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from deploy.check import compose, image, kubernetes, memory, monitoring, unit
from deploy.check.runner import Check, run_checks

CHECKS: Mapping[str, Check] = {
    "dockerfile": image.check_dockerfile,
    "image-install": image.check_install,
    "compose": compose.check_schema,
    "kustomize": kubernetes.check_kustomize,
    "helm": kubernetes.check_helm,
    "memory": memory.check_memory,
    "systemd-unit": unit.check_unit,
    "systemd-hardening": unit.check_hardening,
    "alerts": monitoring.check_alerts,
    "prometheus": monitoring.check_prometheus,
    "metrics": monitoring.check_metrics,
}


if __name__ == "__main__":
    sys.exit(run_checks(sys.argv[1:], CHECKS))
