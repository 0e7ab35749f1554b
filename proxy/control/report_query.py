"""The query string of the provider reports: `?window=5m&model=gpt-4o&provider=openai,anthropic`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from proxy.config.snapshot import Snapshot
from proxy.config.units import Seconds
from proxy.errors import InvalidRequestError
from proxy.telemetry.health import HEALTH_WINDOW_S
from proxy.telemetry.metric_labels import LabelledTarget, label_target, labelled_targets
from proxy.telemetry.window import MAX_WINDOW_S, MIN_WINDOW_S, round_up_to_buckets

_DEFAULT_WINDOW_S = round_up_to_buckets(HEALTH_WINDOW_S)
_PARAMETERS = ("window", "model", "provider")
_MAX_LISTED = 20
"""Names listed in an error at most."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Parsed filter of a report. Every name in it is in the configuration."""

    window_s: int = _DEFAULT_WINDOW_S
    """A whole number of buckets."""
    model: str | None = None
    providers: tuple[str, ...] = ()
    """Empty means all."""

    def targets(self, snapshot: Snapshot, observed: Iterable[str]) -> list[LabelledTarget]:
        """Return the targets that match the filter, out of the configured and observed ones."""
        all_targets = self._targets_of_model(snapshot) or labelled_targets(snapshot, observed)
        return [
            target
            for target in all_targets
            if (not self.providers or target.provider in self.providers) and self.model in (None, target.label)
        ]

    def _targets_of_model(self, snapshot: Snapshot) -> list[LabelledTarget]:
        """Return the targets that this name is routed to, or none for a pattern, which is not a name itself."""
        return [label_target(target, self.model) for target in snapshot.targets(self.model)] if self.model else []

    def provider_names(self, snapshot: Snapshot, targets: Iterable[LabelledTarget]) -> list[str]:
        """Return the matching providers in the file's order. With `model`, only those that serve it."""
        serving = {target.provider for target in targets}
        return [
            name
            for name in snapshot.providers
            if (name in serving if self.model else not self.providers or name in self.providers)
        ]


def parse_report_query(path: str, snapshot: Snapshot) -> ReportQuery:
    """Parse the query string of a request path. InvalidRequestError lists the allowed values."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(path.partition("?")[2], keep_blank_values=True):
        if name not in _PARAMETERS:
            raise _invalid(name, f"unknown parameter; allowed: {', '.join(_PARAMETERS)}")
        if name in given:
            raise _invalid(name, "given twice")
        given[name] = value
    return ReportQuery(
        _window(given["window"]) if "window" in given else _DEFAULT_WINDOW_S,
        _model(given["model"], snapshot) if "model" in given else None,
        _providers(given["provider"], snapshot) if "provider" in given else (),
    )


def format_window(window_s: int) -> str:
    """Format a window of whole seconds as a duration: `45s`, `5m`."""
    return f"{window_s // 60}m" if window_s % 60 == 0 else f"{window_s}s"


def _window(text: str) -> int:
    try:
        seconds = Seconds.parse(text)
    except ValueError:
        seconds = Seconds(0)
    if not MIN_WINDOW_S <= seconds <= MAX_WINDOW_S:
        raise _invalid(
            "window",
            f"'{text[:64]}' is not a duration from {format_window(MIN_WINDOW_S)} to {format_window(MAX_WINDOW_S)}",
        )
    return round_up_to_buckets(seconds)


def _model(text: str, snapshot: Snapshot) -> str:
    patterns = [pattern.text for pattern in snapshot.patterns]
    if not snapshot.targets(text) and text not in patterns:
        raise _invalid("model", f"no model '{text[:64]}'; allowed: {_join_names([*snapshot.models, *patterns])}")
    return text


def _providers(text: str, snapshot: Snapshot) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in snapshot.providers:
            raise _invalid("provider", f"no provider '{name[:64]}'; allowed: {_join_names(list(snapshot.providers))}")
    return names


def _join_names(names: list[str]) -> str:
    rest = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + rest


def _invalid(name: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name[:64]}: {why}", param=name[:64])
