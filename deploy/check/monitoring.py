"""Checks of what Prometheus reads, with its own tool: alerts, configuration, and the metrics of a running sidecar."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.request import urlopen

from deploy.check.image import as_any_user, install
from deploy.check.outcome import ROOT, WORK, CheckFailedError, SkippedError, run


def check_alerts() -> str:
    """Check the alerting rules."""
    output = run(_promtool(), "check", "rules", ROOT / "deploy/alerts.yaml")
    return output.strip().splitlines()[-1].strip()


def check_prometheus() -> str:
    """Check the configuration of compose's Prometheus, with the rules where the container has them."""
    folder = WORK / "prometheus"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("compose/prometheus.yaml", "alerts.yaml"):
        shutil.copy(ROOT / "deploy" / name, folder)
    run(_promtool(), "check", "config", folder / "prometheus.yaml")
    return "valid, with the alerts"


def check_metrics() -> str:
    """Lint the metrics that a sidecar serves."""
    with _metrics() as text:
        done = subprocess.run(
            [_promtool(), "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise CheckFailedError(done.stdout + done.stderr)
    return f"{text.count('# TYPE')} metrics"


@contextmanager
def _metrics() -> Iterator[str]:
    """Yield the metrics of a sidecar with simulated providers, which runs as in a container."""
    parrot = install()
    argv = [*as_any_user(parrot.with_name("python")), str(parrot), "serve", "--sandbox", "--port=0", "--admin-port=0"]
    with subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _scrape(process)
        finally:
            process.terminate()


def _scrape(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"admin: (http://\S+)/readyz", line):
            with urlopen(f"{found[1]}/metrics") as response:
                return str(response.read().decode())
    raise CheckFailedError("the sidecar has not started")


@cache
def _promtool() -> Path:
    """Return Prometheus' tool: that of this machine, or else of Debian's package, which is not installed for it."""
    if found := shutil.which("promtool"):
        return Path(found)
    folder = WORK / "promtool"
    tool = folder / "usr/bin/promtool"
    if not tool.exists():
        _unpack("prometheus", folder)
    return tool


def _unpack(package: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run("apt-get", "download", "-qq", package, cwd=folder)
        run("dpkg-deb", "-x", next(folder.glob(f"{package}_*.deb")), folder)
    except (CheckFailedError, OSError, StopIteration) as error:
        raise SkippedError("needs promtool on the PATH, or Debian's package prometheus within reach") from error
