"""The repository does not depend on one machine: no file contains a package registry's URL or a home directory."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.source import ROOT

LOCAL = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|proxy\.golang\.org"
    r"|(?<![\w.~/-])/(?:home|root|Users)/\w"
)


def test_no_file_contains_a_registry_or_a_home_directory() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    texts = {name: (ROOT / name).read_text(errors="replace") for name in names if (ROOT / name).is_file()}
    errors = [f"{name}: {match[0]}" for name, text in texts.items() for match in LOCAL.finditer(text)]
    assert not errors, "\n" + "\n".join(errors)


@pytest.mark.parametrize("text", ["https://" + "pypi" + ".org/simple", "--find-links /" + "root/wheels"])
def test_a_registry_or_a_home_directory_is_found(text: str) -> None:
    assert LOCAL.search(text)


@pytest.mark.parametrize("text", ["/v1/route", "https://example.com/home/x", "~/parrot/x", "/run/parrot/parrot.sock"])
def test_other_paths_pass(text: str) -> None:
    assert not LOCAL.search(text)
