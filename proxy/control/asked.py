"""What a question about providers is limited to: `?window=5m&model=gpt-4o&provider=openai,anthropic`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from proxy.config.quantities import Seconds
from proxy.config.snapshot import Snapshot
from proxy.errors import InvalidRequest
from proxy.telemetry.health import WINDOW
from proxy.telemetry.roster import Place, placed, places
from proxy.telemetry.window import LONGEST, SHORTEST, covered

_USUAL = covered(WINDOW)
_PARAMETERS = ("window", "model", "provider")
_MOST_NAMED = 20
"""Names that a refusal lists at most."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about, all of it known to the file."""

    window: int = _USUAL
    """Seconds, in whole buckets."""
    model: str | None = None
    providers: tuple[str, ...] = ()
    """Empty: all."""

    def places(self, snapshot: Snapshot, observed: Iterable[str]) -> list[Place]:
        """The targets in question."""
        every = self._of_model(snapshot) or places(snapshot, observed)
        return [
            place
            for place in every
            if (not self.providers or place.provider in self.providers) and self.model in (None, place.name)
        ]

    def _of_model(self, snapshot: Snapshot) -> list[Place]:
        """Whom that very name leads to; none for a pattern's text, which leads nowhere by itself."""
        return [placed(target, self.model) for target in snapshot.targets(self.model)] if self.model else []

    def names(self, snapshot: Snapshot, found: Iterable[Place]) -> list[str]:
        """The providers in question, in the file's order; of a model, those that serve it."""
        serving = {place.provider for place in found}
        return [
            name
            for name in snapshot.providers
            if (name in serving if self.model else not self.providers or name in self.providers)
        ]


def asked(path: str, snapshot: Snapshot) -> Asked:
    """What the query says; raises InvalidRequest that names what is allowed."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(path.partition("?")[2], keep_blank_values=True):
        if name not in _PARAMETERS:
            raise _wrong(name, f"there is no '{name[:64]}'; allowed are {', '.join(_PARAMETERS)}")
        if name in given:
            raise _wrong(name, "is given twice")
        given[name] = value
    return Asked(
        _window(given["window"]) if "window" in given else _USUAL,
        _model(given["model"], snapshot) if "model" in given else None,
        _providers(given["provider"], snapshot) if "provider" in given else (),
    )


def written(window: int) -> str:
    """The window as a person writes it: `45s`, `5m`."""
    return f"{window // 60}m" if window % 60 == 0 else f"{window}s"


def _window(text: str) -> int:
    try:
        seconds = Seconds.parse(text)
    except ValueError:
        seconds = Seconds(0)
    if not SHORTEST <= seconds <= LONGEST:
        raise _wrong("window", f"'{text[:64]}' is not a duration from {written(SHORTEST)} to {written(LONGEST)}")
    return covered(seconds)


def _model(text: str, snapshot: Snapshot) -> str:
    patterns = [pattern.text for pattern in snapshot.patterns]
    if not snapshot.targets(text) and text not in patterns:
        raise _wrong("model", f"no model '{text[:64]}'; allowed are {_some([*snapshot.models, *patterns])}")
    return text


def _providers(text: str, snapshot: Snapshot) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in snapshot.providers:
            raise _wrong("provider", f"no provider '{name[:64]}'; allowed are {_some(list(snapshot.providers))}")
    return names


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + rest


def _wrong(name: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{name[:64]}: {why}", param=name[:64])
