"""`make release`: builds sdist, wheel and bill of materials of the last commit into dist/, twice, and tries the result."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.check.outcome import ROOT, CheckFailedError, run
from deploy.pythons import SUPPORTED, find_python
from deploy.sdist import normalise

DIST = ROOT / "dist"
_TOOLS = Path(sys.prefix) / "bin"


def main() -> int:
    """Build and check. Return 1, with the reason on standard error, if anything is wrong."""
    os.umask(0o022)  # whatever the user's is: a wheel contains the permissions of its files
    try:
        with TemporaryDirectory() as folder:
            _release(Path(folder))
    except CheckFailedError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _release(work: Path) -> None:
    if changed := run("git", "status", "--short").strip():
        raise CheckFailedError(f"there are changes that are not committed:\n{changed}")
    epoch = run("git", "log", "-1", "--format=%ct").strip()
    built = _build(work / "first", epoch)
    _require_same(built, _build(work / "second", epoch), "two builds")
    _require_same(
        built[".whl"], _wheel_of(built[".gz"], work / "from-sdist", epoch), "the wheel of the sdist and the wheel"
    )
    for version in SUPPORTED:
        print(f"Python {version}: {_try(built['.whl'], version, work / version)}", flush=True)
    _publish([*built.values(), _bill_of_materials(built[".whl"], work, epoch)])


def _build(folder: Path, epoch: str) -> Mapping[str, Path]:
    """Build the last commit and return the files by the end of their names."""
    source = _export(folder / "source")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source, environ=_environ(epoch))
    built = {path.suffix: path for path in folder.glob("parrot_sidecar-*")}
    normalise(built[".gz"], int(epoch))
    return built


def _export(folder: Path) -> Path:
    """Write the files of the last commit, whatever else is in the work tree."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    run("git", "-c", "tar.umask=022", "archive", "--output", archive, "HEAD")
    run("tar", "-xf", archive, "-C", folder)
    return folder


def _wheel_of(sdist: Path, folder: Path, epoch: str) -> Path:
    argv = (
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        sdist,
    )
    run(sys.executable, *argv, environ=_environ(epoch))
    return next(folder.glob("*.whl"))


def _environ(epoch: str) -> dict[str, str]:
    return {**os.environ, "SOURCE_DATE_EPOCH": epoch}


def _try(wheel: Path, version: str, folder: Path) -> str:
    """Install the wheel and its locked dependencies for a Python version, and use it in an empty folder."""
    python = find_python(version)
    if python is None:
        return "skipped, it is not on this machine"
    run(python, "-m", "venv", folder)
    install = (folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*install, "--require-hashes", "-r", ROOT / "deploy/requirements.lock")
    run(*install, "--no-index", wheel)
    run(folder / "bin/python", "-m", "pip", "check", "--disable-pip-version-check")
    empty = folder / "empty"
    empty.mkdir()
    for argv in (("schema",), ("init",), ("check",), ("explain", "--sandbox", "--model", "qwen3")):
        run(folder / "bin/parrot", *argv, cwd=empty)
    return run(folder / "bin/parrot", "--version", cwd=empty).strip()


def _bill_of_materials(wheel: Path, work: Path, epoch: str) -> Path:
    """Write the CycloneDX document of the wheel and of everything that the lock file installs with it."""
    path = work / "parrot-sidecar.cdx.json"
    options = ("--output-reproducible", "--output-format", "JSON", "--output-file", path)
    run(_TOOLS / "cyclonedx-py", "requirements", *options, ROOT / "deploy/requirements.lock", environ=_environ(epoch))
    document = json.loads(path.read_text())
    for component in document["components"]:
        del component["description"]  # the line of the lock file, with the hashes that are listed anyway
    document["metadata"]["component"] = _subject(wheel)
    path.write_text(json.dumps(document, indent=1))
    return path


def _subject(wheel: Path) -> dict[str, Any]:
    version = wheel.name.split("-")[1]
    digest = {"alg": "SHA-256", "content": _digest(wheel)}
    return {
        "bom-ref": "parrot-sidecar", "type": "application", "name": "parrot-sidecar", "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}], "hashes": [digest],
    }  # fmt: skip


def _publish(files: list[Path]) -> None:
    """Replace dist/ by these files and their checksums."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    for path in files:
        shutil.copy(path, DIST)
    sums = "".join(f"{_digest(path)}  {path.name}\n" for path in sorted(files, key=lambda path: path.name))
    (DIST / "SHA256SUMS").write_text(sums)
    print(sums, end="")


def _require_same(one: Path | Mapping[str, Path], other: Path | Mapping[str, Path], what: str) -> None:
    if list(_digests(one)) != list(_digests(other)):
        raise CheckFailedError(f"{what} differ")


def _digests(built: Path | Mapping[str, Path]) -> Iterator[str]:
    for path in [built] if isinstance(built, Path) else built.values():
        yield _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
