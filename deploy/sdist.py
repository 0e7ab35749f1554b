"""Makes source distributions reproducible: setuptools writes the time of the build and the builder's name into them."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path


def normalise(path: Path, epoch_s: int) -> None:
    """Rewrite a `.tar.gz` so that it depends on the names and contents of its files alone, and on this time."""
    output = io.BytesIO()
    with tarfile.open(path) as source, tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as target:
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            target.addfile(_plain(member, epoch_s), source.extractfile(member) if member.isfile() else None)
    path.write_bytes(gzip.compress(output.getvalue(), mtime=epoch_s))


def _plain(member: tarfile.TarInfo, epoch_s: int) -> tarfile.TarInfo:
    plain = tarfile.TarInfo(member.name)
    plain.type, plain.size, plain.mtime = member.type, member.size, epoch_s
    plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return plain
