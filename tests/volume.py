"""A folder that Kubernetes mounts from a ConfigMap or Secret."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path


class MountedVolume:
    """Each file is a link through `..data` to a folder, and an update replaces that link, as the kubelet does it."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self._versions = count(1)
        folder.mkdir()
        self.update(files)

    def update(self, files: Mapping[str, str]) -> None:
        """Replace all files at once: a new folder, an atomically replaced link, the old folder removed."""
        data = self.folder / "..data"
        before = data.resolve()
        version = self.folder / f"..2026_{next(self._versions)}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(version.name)
        os.rename(self.folder / "..data_tmp", data)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if before != data:
            shutil.rmtree(before)
