"""Looks at the providers again and again, and tells the followers when a status has changed."""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.asked import Asked
from proxy.control.health import Judge, Moment, Row, Seen, moment, report, statuses
from proxy.exchange import Services
from proxy.telemetry.glances import Glances
from proxy.telemetry.roster import places

EVERY = 1.0
"""Seconds between looks where nothing stirs."""
PAUSE = 0.25
"""Seconds between looks at least."""


async def rest(stirred: Event) -> None:
    """Until something stirs, but neither shorter than `PAUSE` nor longer than `EVERY`."""
    await asyncio.sleep(PAUSE)
    try:
        async with asyncio.timeout(EVERY - PAUSE):
            await stirred.wait()
    except TimeoutError:
        pass
    stirred.clear()


@dataclass(slots=True)
class Watch:
    """Compares each provider's status with what it was at the last look."""

    services: Services
    snapshot: Callable[[], Snapshot]
    """The one of the moment."""
    _glances: Glances = field(init=False)
    _last: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._glances = Glances(self.services.board)
        self.services.feed.opening = self.opening

    @property
    def statuses(self) -> dict[str, str]:
        """Each provider's, as of the last look."""
        return {name: row["status"] for name, row in self._last.items()}

    async def run(self, rest: Callable[[Event], Awaitable[None]] = rest) -> None:
        """For ever."""
        while True:
            self.look()
            await rest(self.services.feed.stirred)

    def look(self) -> None:
        """Tell what has changed since the last look; other providers than then are a new beginning for everyone."""
        at, before, feed = moment(self.services), self._last, self.services.feed
        self._last = rows = self._rows(at)
        if before.keys() != rows.keys():
            if len(feed):
                feed.publish(self.opening())
            return
        for message in changes(before, rows, at):
            said = {name: message[name] for name in ("provider", "status", "previous", "reason")}
            self.services.log.warning("provider_status_changed", **said)
            feed.publish(_text(message))

    def opening(self) -> str:
        """Every provider's row with its figures, its status as of the last look: changes go on from there."""
        at = moment(self.services)
        self._last = self._last or self._rows(at)
        rows = report(self.snapshot(), self.services.board, Asked(), at)["providers"]
        merged = [row | self._last.get(row["name"], {}) for row in rows]
        return _text({"type": "snapshot", "providers": merged, "at": at.written(at.now)})

    def _rows(self, at: Moment) -> dict[str, Row]:
        snapshot = self.snapshot()
        known = places(snapshot, self.services.observations)
        enabled = dict.fromkeys(each.target for each in known if not snapshot.providers[each.provider].disabled)
        members = self._glances.look(enabled, at.now)
        rows = statuses(snapshot, snapshot.providers, Judge(self.services.board, Seen(known, members), at))
        return {row["name"]: row for row in rows}


def changes(before: dict[str, Row], after: dict[str, Row], at: Moment) -> list[Row]:
    """A message for each provider whose status is another."""
    return [
        {
            "type": "provider_status_change",
            "provider": name,
            "status": row["status"],
            "previous": before[name]["status"],
            "reason": row["reason"],
            "at": at.written(at.now),
            "models": row["models"],
            "regions": row["regions"],
        }
        for name, row in after.items()
        if row["status"] != before[name]["status"]
    ]


def _text(message: Row) -> str:
    return orjson.dumps(message).decode()
