"""Hot reload: a changed file becomes a new generation, or nothing happens and everybody is told why."""

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

from proxy.config.diff import diff
from proxy.config.document import ConfigError
from proxy.config.files import VALUE_TIMEOUT_S, call_with_timeout, read_text
from proxy.generation import Generation

POLL_INTERVAL_S = 1.0
"""Seconds between looks."""
DEBOUNCE_S = 0.2
"""Seconds for which a changed file must stay the same: an editor may still be writing it."""
KEY_RELOAD_INTERVAL_S = 5.0
"""Seconds between two looks that refused keys may cause."""
RESTART_ONLY_SECTIONS = ("listen", "admin")
"""Sections that a running sidecar cannot change."""

FileFingerprint = tuple[int, int, int, int]
"""What a changed file cannot keep: device, inode, time and size."""
BuildGeneration = Callable[[str, int], Generation]
"""A generation of a text, with a number; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What a reload did."""

    generation: int
    digest: str
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_successful(self) -> bool:
        """Whether the file is in force."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The outcome as a value for JSON."""
        said = {"problems": list(self.problems)} if self.problems else {"changes": list(self.changes)}
        return {"generation": self.generation, "hash": self.digest, **said}


def fingerprint(path: str) -> FileFingerprint | None:
    """Of the file that the path leads to, links followed; None if there is none at this moment."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class Reloader:
    """Keeps one file's newest good generation in force."""

    path: str
    build: BuildGeneration
    current: Generation
    activate: Callable[[Generation], None]
    """The one assignment."""
    log: FilteringBoundLogger
    clock: Callable[[], float] = time.monotonic
    last: ReloadOutcome = field(init=False)
    counts: Counter[str] = field(default_factory=Counter, init=False)
    """Changed files that were `applied`, and those that were `refused`."""
    _referenced_files: frozenset[str] = field(init=False)
    """The other files that the last attempt read, or wanted to."""
    _last_fingerprints: dict[str, FileFingerprint | None] = field(init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _key_reload_at: float = field(default=-inf, init=False)
    _poll_task: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.last = ReloadOutcome(self.current.number, self.current.digest)
        self._referenced_files = self.current.files
        self._last_fingerprints = self._fingerprints()

    async def watch(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Look once a second, for ever."""
        while True:
            await sleep(POLL_INTERVAL_S)
            await self.poll(sleep)

    async def poll(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Reload if the file, or one it reads, has changed and stayed so for a moment."""
        async with self._lock:
            found = await asyncio.to_thread(self._fingerprints)
            if not self._has_changed(found):
                return
            await sleep(DEBOUNCE_S)
            if await asyncio.to_thread(self._fingerprints) == found:
                await self._reload()

    async def reload(self) -> ReloadOutcome:
        """Read the file now; what is wrong with it is in the outcome and in the log, and changes nothing else."""
        async with self._lock:
            return await self._reload()

    def on_auth_failure(self) -> None:
        """A provider refused a key: read the key files again soon, changed or not, but not with every refusal."""
        now = self.clock()
        if self.current.files and now - self._key_reload_at >= KEY_RELOAD_INTERVAL_S:
            self._key_reload_at = now
            self._last_fingerprints = {self.path: self._last_fingerprints.get(self.path)}
            self._poll_task = asyncio.create_task(self.poll())

    async def _reload(self) -> ReloadOutcome:
        before = await asyncio.to_thread(self._fingerprints)  # what changes while it is read is seen by the next look
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
        """The stamps of all files; as they were, if a file system does not respond."""
        paths = (self.path, *self._referenced_files)
        try:
            return call_with_timeout(VALUE_TIMEOUT_S, self.path, lambda: {path: fingerprint(path) for path in paths})
        except OSError:
            return self._last_fingerprints

    def _has_changed(self, found: dict[str, FileFingerprint | None]) -> bool:
        """A file that is missing is in the middle of a swap, and no change yet."""
        return any(now is not None and now != self._last_fingerprints.get(path) for path, now in found.items())

    def _build_generation(self) -> Generation:
        return self.build(read_text(self.path), self.current.number + 1)

    def _accept(self, generation: Generation) -> None:
        self._referenced_files = generation.files
        healed = not self.last.is_successful
        self.last = ReloadOutcome(self.current.number, self.current.digest)
        if generation.digest != self.current.digest:
            self._swap(generation)
        elif healed:
            self.log.info("config_recovered", active_generation=self.current.number)

    def _swap(self, generation: Generation) -> None:
        changes = diff(self.current.root, generation.root) or ["no setting; a comment, or a key file"]
        changes = [
            f"{change} (at restart)" if change.startswith(RESTART_ONLY_SECTIONS) else change for change in changes
        ]
        self.current = generation
        self.activate(generation)
        self.counts["applied"] += 1
        self.last = ReloadOutcome(generation.number, generation.digest, tuple(changes))
        self.log.info("config_reloaded", generation=generation.number, hash=generation.digest, changes=changes)

    def _reject(self, problems: list[str], files: frozenset[str] = frozenset()) -> None:
        self._referenced_files = self.current.files | files
        self.last = ReloadOutcome(self.current.number, self.current.digest, problems=tuple(problems))
        self.counts["refused"] += 1
        self.log.error("config_reload_failed", active_generation=self.current.number, problems=problems)
