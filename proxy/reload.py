"""Hot reload: a valid changed file becomes a new generation. An invalid one changes nothing and is logged.

The file and the files it refers to are polled: a file has changed when its device, inode, modification time or size
differs and stays the same for `DEBOUNCE_S`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from structlog.typing import FilteringBoundLogger

from proxy.background import run_in_background
from proxy.config.diff import diff
from proxy.config.document import ConfigError
from proxy.config.files import VALUE_TIMEOUT_S, call_with_timeout, read_text
from proxy.generation import Generation

POLL_INTERVAL_S = 1.0
DEBOUNCE_S = 0.2
"""How long a changed file must stay the same: an editor may still be writing it."""
KEY_RELOAD_INTERVAL_S = 5.0
"""Minimum time between two reloads of key files because a provider rejected a key."""
RESTART_ONLY_SECTIONS = ("listen", "admin")
"""Sections whose changes take effect at the next start only."""

FileFingerprint = tuple[int, int, int, int]
"""Device, inode, modification time in ns, and size."""
BuildGeneration = Callable[[str, int], Generation]
"""Builds a generation from a text and a number. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """The result of a reload: what changed, or the problems with the file."""

    generation: int
    digest: str
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_successful(self) -> bool:
        """Whether the file was valid."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `POST /admin/reload`."""
        details = {"problems": list(self.problems)} if self.problems else {"changes": list(self.changes)}
        return {"generation": self.generation, "hash": self.digest, **details}


def fingerprint(path: str) -> FileFingerprint | None:
    """Return the fingerprint of a file, following links, or None if it does not exist."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: an invalid path
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


@dataclass(slots=True)
class Reloader:
    """Keeps the newest valid generation of one file active."""

    path: str
    build: BuildGeneration
    current: Generation
    activate: Callable[[Generation], None]
    """Makes a generation the one that new requests use."""
    log: FilteringBoundLogger
    clock: Callable[[], float] = time.monotonic
    last: ReloadOutcome = field(init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)
    """Number of changed files that were `applied` and `rejected`."""
    _referenced_files: frozenset[str] = field(init=False)
    """The other files that the last attempt read or tried to read."""
    _last_fingerprints: dict[str, FileFingerprint | None] = field(init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _key_reload_at: float = field(default=-inf, init=False)
    _poll_task: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.last = ReloadOutcome(self.current.number, self.current.digest)
        self._referenced_files = self.current.files
        self._last_fingerprints = self._fingerprints()

    async def watch(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Poll every `POLL_INTERVAL_S`, forever."""
        while True:
            await sleep(POLL_INTERVAL_S)
            await self.poll(sleep)

    async def poll(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Reload if the file, or one it refers to, has changed and is no longer being written."""
        async with self._lock:
            fingerprints = await asyncio.to_thread(self._fingerprints)
            if not self._has_changed(fingerprints):
                return
            await sleep(DEBOUNCE_S)
            if await asyncio.to_thread(self._fingerprints) == fingerprints:
                await self._reload()

    async def reload(self) -> ReloadOutcome:
        """Load the file now, changed or not. Problems are logged and returned. The active generation then stays."""
        async with self._lock:
            return await self._reload()

    def on_auth_failure(self) -> None:
        """Read the key files again, changed or not, after a provider rejected a key. At most every `KEY_RELOAD_INTERVAL_S`."""
        now = self.clock()
        if self.current.files and now - self._key_reload_at >= KEY_RELOAD_INTERVAL_S:
            self._key_reload_at = now
            self._last_fingerprints = {self.path: self._last_fingerprints.get(self.path)}
            self._poll_task = run_in_background(self.poll(), self.log, "key_reload_failed")

    async def _reload(self) -> ReloadOutcome:
        before = await asyncio.to_thread(self._fingerprints)  # so that the next poll sees a change during the load
        try:
            generation = await asyncio.to_thread(self._build_generation)
        except ConfigError as error:
            self._reject(str(error).splitlines(), error.files)
        except (OSError, UnicodeDecodeError) as error:
            self._reject([f"{self.path}: {error}"])
        else:
            self._accept(generation)
        self._last_fingerprints = before
        return self.last

    def _fingerprints(self) -> dict[str, FileFingerprint | None]:
        """Return the fingerprints of all files, or the previous ones if a file system does not respond."""
        paths = (self.path, *self._referenced_files)
        try:
            return call_with_timeout(VALUE_TIMEOUT_S, self.path, lambda: {path: fingerprint(path) for path in paths})
        except OSError:
            return self._last_fingerprints

    def _has_changed(self, fingerprints: dict[str, FileFingerprint | None]) -> bool:
        # A missing file is about to be replaced, which is no change yet.
        return any(new is not None and new != self._last_fingerprints.get(path) for path, new in fingerprints.items())

    def _build_generation(self) -> Generation:
        return self.build(read_text(self.path), self.current.number + 1)

    def _accept(self, generation: Generation) -> None:
        self._referenced_files = generation.files
        was_invalid = not self.last.is_successful
        self.last = ReloadOutcome(self.current.number, self.current.digest)
        if generation.digest != self.current.digest:
            self._swap(generation)
        elif was_invalid:
            self.log.info("config_recovered", active_generation=self.current.number)

    def _swap(self, generation: Generation) -> None:
        changes = diff(self.current.root, generation.root) or ["no setting changed (comment or key file)"]
        changes = [
            f"{change} (needs a restart)" if change.startswith(RESTART_ONLY_SECTIONS) else change for change in changes
        ]
        self.current = generation
        self.activate(generation)
        self.counts["applied"] += 1
        self.last = ReloadOutcome(generation.number, generation.digest, tuple(changes))
        self.log.info("config_reloaded", generation=generation.number, hash=generation.digest, changes=changes)

    def _reject(self, problems: list[str], files: frozenset[str] = frozenset()) -> None:
        self._referenced_files = self.current.files | files
        self.last = ReloadOutcome(self.current.number, self.current.digest, problems=tuple(problems))
        self.counts["rejected"] += 1
        self.log.error("config_reload_failed", active_generation=self.current.number, problems=problems)
