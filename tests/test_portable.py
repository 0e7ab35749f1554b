"""Nothing in the repository depends on one machine: no file names a package registry or somebody's folder."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.source import ROOT

LOCAL = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|proxy\.golang\.org"
    r"|(?<![\w.~/-])/(?:home|root|Users)/\w"
)


def test_no_file_names_a_registry_or_a_machine() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    texts = {name: (ROOT / name).read_text(errors="replace") for name in names if (ROOT / name).is_file()}
    found = [f"{name}: {match[0]}" for name, text in texts.items() for match in LOCAL.finditer(text)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("text", ["https://" + "pypi" + ".org/simple", "--find-links /" + "root/wheels"])
def test_a_registry_or_a_folder_is_found(text: str) -> None:
    assert LOCAL.search(text)


@pytest.mark.parametrize("text", ["/v1/route", "https://example.com/home/x", "~/parrot/x", "/run/parrot/parrot.sock"])
def test_a_path_of_any_machine_passes(text: str) -> None:
    assert not LOCAL.search(text)
