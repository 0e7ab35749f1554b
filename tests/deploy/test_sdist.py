"""A source distribution depends on its files alone, not on when, where and by whom it was built."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from deploy.sdist import normalise

EPOCH_S = 1_700_000_000
FILES = {"x-1/setup.cfg": (b"[metadata]\n", 0o644), "x-1/run": (b"#!/bin/sh\n", 0o755)}


def write(path: Path, names: list[str], owner: str, mtime: int) -> bytes:
    """Write an archive as a build would, normalise it, and return its bytes."""
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("x-1")
        folder.type, folder.mtime = tarfile.DIRTYPE, mtime
        archive.addfile(folder)
        for name in names:
            content, mode = FILES[name]
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime, member.uname, member.uid = len(content), mode, mtime, owner, mtime
            archive.addfile(member, io.BytesIO(content))
    normalise(path, EPOCH_S)
    return path.read_bytes()


def test_two_builds_have_the_same_bytes(tmp_path: Path) -> None:
    one = write(tmp_path / "one.tar.gz", list(FILES), "alice", 1_600_000_001)
    other = write(tmp_path / "other.tar.gz", list(reversed(FILES)), "bob", 1_600_000_002)
    assert one == other


def test_the_contents_stay_and_only_programs_are_executable(tmp_path: Path) -> None:
    write(tmp_path / "x.tar.gz", list(FILES), "alice", 1_600_000_000)
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        read = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
        assert {name: file.read() for name, file in read.items() if file} == {name: FILES[name][0] for name in FILES}
        assert {each.name: (each.mode, each.mtime, each.uname) for each in archive} == {
            "x-1": (0o755, EPOCH_S, ""),
            "x-1/run": (0o755, EPOCH_S, ""),
            "x-1/setup.cfg": (0o644, EPOCH_S, ""),
        }
