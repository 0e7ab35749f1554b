"""Hot reload: a changed file becomes a new generation, or nothing happens and everybody is told why."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from proxy.config.diff import diff
from proxy.config.document import ConfigError
from proxy.generation import Generation

INTERVAL = 1.0
"""Seconds between looks."""
SETTLING = 0.2
"""Seconds for which a changed file must stay the same: an editor may still be writing it."""
AT_RESTART = ("listen", "admin")
"""Sections that a running sidecar cannot change."""

Stamp = tuple[tuple[int, int, int, int] | None, ...]
Make = Callable[[str, int], Generation]
"""A generation of a text, with a number; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload did."""

    generation: int
    digest: str
    changes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def successful(self) -> bool:
        """Whether the file is in force."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The outcome as a value for JSON."""
        said = {"problems": list(self.problems)} if self.problems else {"changes": list(self.changes)}
        return {"generation": self.generation, "hash": self.digest, **said}


def stamp(paths: Iterable[str]) -> Stamp:
    """What a changed file cannot keep: device, inode, time and size of what the path leads to, links followed."""
    return tuple(_stat(path) for path in paths)


def _stat(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None  # in the middle of a swap; not a change yet
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class Reloader:
    """Keeps one file's newest good generation in force."""

    path: str
    make: Make
    current: Generation
    put: Callable[[Generation], None]
    """The one assignment."""
    log: FilteringBoundLogger
    last: Outcome = field(init=False)
    _seen: Stamp = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        self.last = Outcome(self.current.number, self.current.digest)
        self._seen = stamp(self._paths())

    async def watch(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Look once a second, for ever."""
        while True:
            await sleep(INTERVAL)
            await self.look(sleep)

    async def look(self, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Reload if the file, or one it reads, has changed and stayed so for a moment."""
        found = stamp(self._paths())
        if None in found or found == self._seen:
            return
        await sleep(SETTLING)
        if stamp(self._paths()) == found:
            self._seen = found
            await self.reload()

    async def reload(self) -> Outcome:
        """Read the file now; what is wrong with it is in the outcome and in the log, and changes nothing else."""
        async with self._turn:
            try:
                generation = await asyncio.to_thread(self._made)
            except ConfigError as error:
                return self._refused(str(error).splitlines())
            except (OSError, UnicodeDecodeError) as error:
                return self._refused([f"{self.path}: {error}"])
            return self._accepted(generation)

    def _made(self) -> Generation:
        return self.make(Path(self.path).read_text(encoding="utf-8"), self.current.number + 1)

    def _accepted(self, generation: Generation) -> Outcome:
        if generation.digest == self.current.digest:
            self.last = Outcome(self.current.number, self.current.digest)
            return self.last
        changes = diff(self.current.root, generation.root) or ["no setting; a comment, or a key file"]
        changes = [f"{change} (at restart)" if change.startswith(AT_RESTART) else change for change in changes]
        self.current = generation
        self.put(generation)
        self.last = Outcome(generation.number, generation.digest, tuple(changes))
        self.log.info("routing_reloaded", generation=generation.number, hash=generation.digest, changes=changes)
        return self.last

    def _refused(self, problems: list[str]) -> Outcome:
        self.last = Outcome(self.current.number, self.current.digest, problems=tuple(problems))
        self.log.error("routing_refused", in_force=self.current.number, problems=problems)
        return self.last

    def _paths(self) -> list[str]:
        return [self.path, *sorted(self.current.files)]
