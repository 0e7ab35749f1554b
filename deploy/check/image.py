"""Checks of deploy/Dockerfile: its style, and its build stage acted out in a clean folder."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deploy.check.outcome import ROOT, WORK, CheckFailedError, run
from deploy.pythons import find_python, runs

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
_ANY_USER = 1_234_567
"""A user that this machine does not know, as a cluster may choose one."""
_CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, with its continued lines joined."""

    name: str
    arguments: str


def check_dockerfile() -> str:
    """Lint the Dockerfile, and require that its base image has a digest."""
    run(Path(sys.prefix) / "bin" / "hadolint", DOCKERFILE)
    base = next(each.arguments for each in instructions(DOCKERFILE.read_text()) if each.name == "ARG")
    if not re.search(r"@sha256:[0-9a-f]{64}$", base):
        raise CheckFailedError(f"{base} has no digest")
    return "hadolint, base image pinned by digest"


def check_install() -> str:
    """Run the build stage in a clean folder, then the result as any user of group 0, who cannot write."""
    parrot = install()
    prefix = as_any_user(parrot.with_name("python"))
    version = run(*prefix, parrot, "--version", cwd=Path("/"), environ=_CLEAN).strip()
    run(*prefix, parrot, "explain", "--sandbox", "--model", "gpt-4o", cwd=Path("/"), environ=_CLEAN)
    size = sum(path.stat().st_size for path in parrot.parent.parent.rglob("*") if path.is_file())
    user = f"as user {_ANY_USER}" if prefix else "as this user, who alone can run this Python"
    return f"{version} with {_python()} {user}, {size / 1e6:.0f} MB more than the base image"


@cache
def install() -> Path:
    """Act out the build stage of the Dockerfile and return the installed command."""
    root = WORK / "image"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run(_python(), "-m", "venv", root / "base")
    for name, arguments in _build_stage():
        if name == "COPY":
            _copy(arguments.split(), root)
        elif name == "RUN":
            run("sh", "-euc", _located(arguments, root), cwd=root, environ=_build_environ(root))
    return root / "opt/parrot/bin/parrot"


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    for line in joined.splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            yield Instruction(name, arguments.strip())


def _build_stage() -> Iterator[Instruction]:
    stages = 0
    for each in instructions(DOCKERFILE.read_text()):
        stages += each.name == "FROM"
        if stages == 1:
            yield each


def _copy(names: list[str], root: Path) -> None:
    *sources, target = names
    folder = root / target.lstrip("/")
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, folder)


def _located(command: str, root: Path) -> str:
    """Return a shell command with the paths of the image below `root`."""
    return re.sub(r"(?<![\w/.])/(?=src|opt)", f"{root}/", command)


def _build_environ(root: Path) -> dict[str, str]:
    pairs = [pair.split("=", 1) for name, text in _build_stage() if name == "ENV" for pair in text.split()]
    return {**os.environ, **dict(pairs), "PATH": f"{root}/base/bin:{os.environ['PATH']}"}


def _python() -> str:
    """Return the command of the image's Python version, or if this machine lacks it of this one."""
    version = re.search(r"python:([\d.]+)", DOCKERFILE.read_text())
    return (version and find_python(version[1])) or sys.executable


def as_any_user(python: Path) -> list[str]:
    """Return a prefix that runs a command as a user of group 0 without rights, or none if that user cannot run it."""
    prefix = ["setpriv", f"--reuid={_ANY_USER}", "--regid=0", "--clear-groups", "--no-new-privs"]
    return prefix if shutil.which("setpriv") and runs([*prefix, str(python), "--version"]) else []
