"""The part of Prometheus' query language that the shipped alerts use, evaluated over scrapes of a test.

A rate is the difference between the last and first sample over their time, without Prometheus' extrapolation.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

LOOKBACK_S = 300.0

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Samples = dict[Labels, list[tuple[float, float]]]
Query = Callable[[float], Any]
"""Returns a scalar or a vector for a time."""

_TOKEN = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|=~|!~|!=|==|>=|<=|[0-9.]+[smhd]\b|[0-9.]+|[A-Za-z_:][\w:]*|[\[\](){},=<>/*+-])'
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "=~": lambda value, pattern: re.fullmatch(pattern, value) is not None,
    "!~": lambda value, pattern: re.fullmatch(pattern, value) is None,
}
_AGGREGATES: Mapping[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "count": len}
_COMPARISONS = {"==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as `5m`."""
    return float(duration[:-1]) * _UNITS[duration[-1]]


@dataclass
class Scrapes:
    """Samples of all scrapes, by metric and labels."""

    metrics: dict[str, Samples] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def add(self, text: str, now: float, instance: str = "one:9464", job: str = "parrot") -> None:
        """Add the text of one scrape."""
        if not self.times or now > self.times[-1]:
            self.times.append(now)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = frozenset({**sample.labels, "instance": instance, "job": job}.items())
                self.metrics.setdefault(sample.name, {}).setdefault(labels, []).append((now, sample.value))

    def query(self, text: str) -> Query:
        """Parse a query; call the result with the time to evaluate it at."""
        parser = _Parser(self, list(_tokens(text)))
        query = parser.expression()
        assert not parser.tokens, f"cannot parse {' '.join(parser.tokens)}"
        return query

    def firing(self, rule: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the labels with which an alerting rule fires at the last scrape.

        It fires if its query held at every scrape of its `for` duration.
        """
        query, now = self.query(rule["expr"]), self.times[-1]
        since = now - seconds(rule["for"])
        if self.times[0] > since:
            return []  # there were not enough scrapes: the alert is pending
        held = [frozenset(query(time)) for time in self.times if time >= since]
        return [dict(labels) for labels in sorted(frozenset.intersection(*held), key=sorted)]


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        assert found, f"cannot read {text[position:]!r}"
        position = found.end()
        yield found[1]


@dataclass
class _Parser:
    """Recursive descent parser. Precedence, lowest first: or, and, comparison, division, unary."""

    scrapes: Scrapes
    tokens: list[str]

    def expression(self) -> Query:
        left = self._conjunction()
        while self._accept("or"):
            left = _join(left, self._conjunction(), lambda one, other: {**other, **one})
        return left

    def _conjunction(self) -> Query:
        left = self._comparison()
        while self._accept("and"):
            on = self._names() if self._accept("on") else None
            left = _join(left, self._comparison(), lambda one, other, on=on: _intersect(one, other, on))
        return left

    def _comparison(self) -> Query:
        left = self._ratio()
        if self.tokens and self.tokens[0] in _COMPARISONS:
            compare, right = _COMPARISONS[self.tokens.pop(0)], self._ratio()
            return _join(left, right, lambda one, limit: {key: x for key, x in one.items() if compare(x, limit)})
        return left

    def _ratio(self) -> Query:
        left = self._unary()
        while self._accept("/"):
            left = _join(left, self._unary(), _divide)
        return left

    def _unary(self) -> Query:
        token = self.tokens.pop(0)
        if token == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if token[0].isdigit():
            return lambda now: float(token)
        if token in _AGGREGATES:
            return self._aggregate(_AGGREGATES[token])
        if token == "histogram_quantile":
            return self._quantile()
        if token in _OVER_TIME:
            return self._over_time(_OVER_TIME[token])
        samples = self._selector(token)
        return lambda now: {key: x for key, points in samples().items() if (x := _latest(points, now)) is not None}

    def _aggregate(self, fold: Callable[[list[float]], float]) -> Query:
        self._expect("by")
        names = self._names()
        self._expect("(")
        inner = self.expression()
        self._expect(")")
        return lambda now: {key: fold(values) for key, values in _groups(inner(now), names).items()}

    def _over_time(self, fold: Callable[[list[tuple[float, float]]], float | None]) -> Query:
        self._expect("(")
        samples = self._selector(self.tokens.pop(0))
        self._expect("[")
        length = seconds(self.tokens.pop(0))
        self._expect("]")
        self._expect(")")

        def evaluate(now: float) -> Vector:
            ranges = {key: _in_range(points, now - length, now) for key, points in samples().items()}
            return {key: x for key, points in ranges.items() if points and (x := fold(points)) is not None}

        return evaluate

    def _quantile(self) -> Query:
        self._expect("(")
        part = float(self.tokens.pop(0))
        self._expect(",")
        inner = self.expression()
        self._expect(")")
        return lambda now: _quantiles(part, inner(now))

    def _selector(self, name: str) -> Callable[[], Samples]:
        matchers = []
        if self._accept("{"):
            while not self._accept("}"):
                label, match, value = (self.tokens.pop(0) for _ in range(3))
                matchers.append((label, _MATCHES[match], value[1:-1]))
                self._accept(",")

        def found() -> Samples:
            return {
                key: points
                for key, points in self.scrapes.metrics.get(name, {}).items()
                if all(match(dict(key).get(label, ""), value) for label, match, value in matchers)
            }

        return found

    def _names(self) -> list[str]:
        self._expect("(")
        names = []
        while not self._accept(")"):
            names.append(self.tokens.pop(0))
            self._accept(",")
        return names

    def _accept(self, token: str) -> bool:
        accepted = bool(self.tokens) and self.tokens[0] == token
        if accepted:
            self.tokens.pop(0)
        return accepted

    def _expect(self, token: str) -> None:
        assert self._accept(token), f"expected {token} before {' '.join(self.tokens)}"


def _join(left: Query, right: Query, join: Callable[[Any, Any], Any]) -> Query:
    return lambda now: join(left(now), right(now))


def _select(key: Labels, names: Iterable[str]) -> Labels:
    return frozenset(each for each in key if each[0] in names)


def _groups(vector: Vector, names: list[str]) -> dict[Labels, list[float]]:
    groups: dict[Labels, list[float]] = {}
    for key, value in vector.items():
        groups.setdefault(_select(key, names), []).append(value)
    return groups


def _intersect(one: Vector, other: Vector, on: list[str] | None) -> Vector:
    known = {_select(key, on) if on else key for key in other}
    return {key: value for key, value in one.items() if (_select(key, on) if on else key) in known}


def _divide(one: Vector, other: Vector) -> Vector:
    return {key: value / other[key] if other[key] else nan for key, value in one.items() if key in other}


def _in_range(points: list[tuple[float, float]], since: float, until: float) -> list[tuple[float, float]]:
    return [each for each in points if since <= each[0] <= until]


def _latest(points: list[tuple[float, float]], now: float) -> float | None:
    recent = [value for time, value in points if now - LOOKBACK_S < time <= now]
    return recent[-1] if recent else None


def _increase(points: list[tuple[float, float]]) -> float | None:
    return points[-1][1] - points[0][1] if len(points) > 1 else None


def _rate(points: list[tuple[float, float]]) -> float | None:
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) if len(points) > 1 else None


_OVER_TIME: Mapping[str, Callable[[list[tuple[float, float]]], float | None]] = {
    "rate": _rate,
    "increase": _increase,
    "max_over_time": lambda points: max(value for _, value in points),
}


def _quantiles(part: float, buckets: Vector) -> Vector:
    """Interpolate quantiles from cumulative buckets (label `le`) as Prometheus does; empty histograms are left out."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for key, count in buckets.items():
        edge = dict(key)["le"]
        rest = frozenset(each for each in key if each[0] != "le")
        groups.setdefault(rest, []).append((inf if edge == "+Inf" else float(edge), count))
    found = {key: _quantile(part, sorted(group)) for key, group in groups.items()}
    return {key: value for key, value in found.items() if not isnan(value)}


def _quantile(part: float, buckets: list[tuple[float, float]]) -> float:
    rank, low, below = part * buckets[-1][1], 0.0, 0.0
    if not buckets[-1][1]:
        return nan
    for edge, count in buckets:
        if count >= rank:
            return low if edge == inf else low + (edge - low) * (rank - below) / (count - below)
        low, below = edge, count
    return nan
