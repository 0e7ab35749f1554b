"""Draws automatic.svg, shares of simulated decisions next to the formula: `python -m docs.plots.automatic`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path

from proxy.config.document import parse
from proxy.config.load import load
from proxy.config.snapshot import Snapshot
from proxy.config.typed_loader import TypedLoader
from proxy.routing.decision import decide
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance, Signal, Signals, SignalTable

DECISIONS = 4000
"""Per case."""


@dataclass(frozen=True)
class ProviderInput:
    """Weight and signals of one provider."""

    weight: int
    ttft_ms: float | None = None
    price: float | None = None
    """USD per million tokens, for input and for output."""
    degraded: bool = False

    def __str__(self) -> str:
        price = f"${self.price:g}" if self.price is not None else "-"
        ttft = f"{self.ttft_ms:g} ms" if self.ttft_ms else "-"
        return f"{self.weight} · {ttft} · {price}{' · degraded' if self.degraded else ''}"


@dataclass(frozen=True)
class Bar:
    """One provider of a case."""

    provider: ProviderInput
    formula: float
    measured: float


@dataclass(frozen=True)
class Case:
    """Some providers and how often each was first."""

    title: str
    bars: tuple[Bar, ...]


CASES: dict[str, tuple[ProviderInput, ...]] = {
    "no data": (ProviderInput(1), ProviderInput(1)),
    "weights": (ProviderInput(50), ProviderInput(30), ProviderInput(20)),
    "one large weight": (ProviderInput(95), ProviderInput(5)),
    "half the speed": (ProviderInput(1, ttft_ms=200), ProviderInput(1, ttft_ms=400)),
    "one without measurements": (ProviderInput(1, ttft_ms=400), ProviderInput(1)),
    "three speeds": (ProviderInput(1, ttft_ms=100), ProviderInput(1, ttft_ms=200), ProviderInput(1, ttft_ms=1000)),
    "twice the price": (ProviderInput(1, price=1), ProviderInput(1, price=2)),
    "one without a price": (ProviderInput(1, price=5), ProviderInput(1)),
    "degraded": (ProviderInput(1), ProviderInput(1, degraded=True)),
    "fast and expensive": (ProviderInput(1, ttft_ms=100, price=10), ProviderInput(1, ttft_ms=500, price=2)),
    "heavy, slow, cheap": (ProviderInput(60, ttft_ms=900, price=1), ProviderInput(40, ttft_ms=300, price=3)),
    "all factors": (ProviderInput(50, 400, 10), ProviderInput(30, 200, 15, degraded=True), ProviderInput(20, 300, 2)),
}


def run_cases() -> list[Case]:
    """Run the decisions of all cases."""
    return [_case(title, providers) for title, providers in CASES.items()]


def _case(title: str, providers: tuple[ProviderInput, ...]) -> Case:
    weights, counts = _weights(providers), _counts(providers)
    bars = (
        Bar(each, weight / sum(weights), counts[number] / DECISIONS)
        for number, (each, weight) in enumerate(zip(providers, weights, strict=True))
    )
    return Case(title, tuple(bars))


def _weights(providers: tuple[ProviderInput, ...]) -> list[float]:
    """Compute w of each provider by the documented formula, independently of the code."""
    ttft = min((each.ttft_ms for each in providers if each.ttft_ms), default=1.0)
    price = min((each.price for each in providers if each.price), default=1.0)
    return [
        each.weight * ttft / (each.ttft_ms or ttft) * price / (each.price or price) * (0.2 if each.degraded else 1)
        for each in providers
    ]


def _counts(providers: tuple[ProviderInput, ...]) -> Counter[int]:
    snapshot = _snapshot(providers)
    targets = snapshot.targets("m")
    rows = {target.id: _signal(each) for target, each in zip(targets, providers, strict=True)}
    order = {target.id: number for number, target in enumerate(targets)}
    first: Counter[int] = Counter()
    for number in range(DECISIONS):
        request = RoutingRequest(Facts("chat", "m"), Policy(), "automatic", f"request-{number}")
        first[order[decide(request, snapshot, Signals(SignalTable(rows))).plan[0].target.id]] += 1
    return first


def _signal(provider: ProviderInput) -> Signal:
    ttft = Percentiles(provider.ttft_ms, None, 20) if provider.ttft_ms else Percentiles()
    return Signal(degraded=provider.degraded, performance=Performance(300, ttft_ms=ttft))


def _snapshot(providers: tuple[ProviderInput, ...]) -> Snapshot:
    lines = ["providers:"]
    lines += [
        f"  p{n}: {{dialect: openai, base_url: 'http://x', weight: {each.weight}}}" for n, each in enumerate(providers)
    ]
    served = [
        f"p{n}: {{model: x{n}, price: {{input: {each.price}, output: {each.price}}}}}" if each.price else f"p{n}: x{n}"
        for n, each in enumerate(providers)
    ]
    document = parse("\n".join([*lines, f"models: {{m: {{{', '.join(served)}}}}}"]))
    snapshot, _ = load(TypedLoader(document, {}, lambda path: ""))
    document.raise_if_invalid()
    return snapshot


WIDTH, COLUMNS, ROW, LEFT, BAR, TOP = 860, 2, 26, 190, 180, 48
COLUMN = WIDTH // COLUMNS


def draw(cases: list[Case]) -> str:
    """Return the plot as SVG."""
    parts, bottoms = _legend(), [TOP] * COLUMNS
    for case in cases:
        column = bottoms.index(min(bottoms))
        parts += _panel(case, column * COLUMN, bottoms[column])
        bottoms[column] += ROW * (len(case.bars) + 1) + 10
    size = f'width="{WIDTH}" height="{max(bottoms)}" viewBox="0 0 {WIDTH} {max(bottoms)}"'
    style = 'font-family="system-ui, sans-serif" font-size="12"'
    ground = f'<rect width="{WIDTH}" height="{max(bottoms)}" fill="#ffffff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', ground, *parts, "</svg>", ""])


def _legend() -> list[str]:
    return [
        _text(10, 20, "How often each provider is first: weight · median ttft · price per million tokens", weight="bold"),
        _box(LEFT, 30, 14, "#4c78a8"), _text(LEFT + 20, 40, f"{DECISIONS:,} simulated decisions"),
        f'<line x1="{LEFT + 190}" x2="{LEFT + 190}" y1="28" y2="44" stroke="#e45756" stroke-width="3"/>',
        _text(LEFT + 198, 40, "w / Σw"),
    ]  # fmt: skip


def _panel(case: Case, x: int, y: int) -> list[str]:
    parts = [_text(x + 10, y + 18, case.title, weight="bold")]
    for number, bar in enumerate(case.bars):
        top = y + ROW * (number + 1)
        mark = x + LEFT + bar.formula * BAR
        parts += [
            _text(x + 10, top + 14, str(bar.provider)),
            f'<rect x="{x + LEFT}" y="{top}" width="{BAR}" height="18" fill="#eeeeee"/>',
            _box(x + LEFT, top, round(bar.measured * BAR, 1), "#4c78a8"),
            f'<line x1="{mark:.1f}" x2="{mark:.1f}" y1="{top - 2}" y2="{top + 20}" stroke="#e45756" stroke-width="3"/>',
            _text(x + LEFT + BAR + 6, top + 14, f"{bar.measured:.1%}"),
        ]
    return parts


def _box(x: float, y: float, width: float, color: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{18 if width != 14 else 12}" fill="{color}"/>'


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}" fill="#222222">{escape(text)}</text>'


if __name__ == "__main__":
    Path(__file__).with_name("automatic.svg").write_text(draw(run_cases()))
