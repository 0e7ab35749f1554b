"""The results of a comparison, and the figures that reports show of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from proxy.cli.compare.chat_request import Answer
from proxy.cli.compare.grading import Finding
from proxy.cli.compare.prompt_file import Case


@dataclass(frozen=True, slots=True)
class Run:
    """One request of a prompt to a model, with its answer."""

    case: Case
    model: str
    number: int
    """From 1 on, for each prompt and model."""
    answer: Answer
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> list[str]:
        """What is wrong with the answer, in lines."""
        if self.answer.error is not None:
            return [self.answer.error]
        return [f"{each.title}: {each.failure}" for each in self.findings if each.failure is not None]

    @property
    def passed(self) -> bool:
        """Whether there is an answer that passes every check."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of several runs: medians of times, sums of tokens and cost. None: unknown."""

    runs: int
    passed: int
    valid: tuple[int, int]
    """Answers and tool calls that match their schemas, and all that have one."""
    checks: tuple[int, int]
    """Checks of the file that passed, and all."""
    ttft_ms: float | None
    latency_ms: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    cost_usd: float | None

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Figures:
        """Return the figures of these runs. Times are those of complete answers."""
        answers = [run.answer for run in runs]
        findings = [finding for run in runs for finding in run.findings]
        complete = [answer for answer in answers if answer.error is None]
        return cls(
            runs=len(runs),
            passed=sum(run.passed for run in runs),
            valid=_counts(finding for finding in findings if finding.is_demanded),
            checks=_counts(finding for finding in findings if not finding.is_demanded),
            ttft_ms=_median(answer.ttft_ms for answer in complete),
            latency_ms=_median(answer.latency_ms for answer in complete),
            prompt_tokens=_sum(answer.prompt_tokens for answer in answers),
            completion_tokens=_sum(answer.completion_tokens for answer in answers),
            cost_usd=_sum(answer.cost_usd for answer in answers),
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that reports show."""

    models: tuple[str, ...]
    cases: tuple[Case, ...]
    runs: tuple[Run, ...]
    """Those that have finished, in the order in which they were sent."""
    planned: int

    def runs_of(self, model: str, case: Case | None = None) -> tuple[Run, ...]:
        """Return the runs of a model: of one prompt, or of all."""
        return tuple(run for run in self.runs if run.model == model and case in (None, run.case))

    @property
    def passed(self) -> int:
        """The number of runs that passed."""
        return sum(run.passed for run in self.runs)

    @property
    def summary(self) -> str:
        """How many passed, in one line."""
        left_out = self.planned - len(self.runs)
        stopped = f"; stopped, {left_out} not run" if left_out else ""
        return f"{self.passed} of {len(self.runs)} answers passed{stopped}"


def _counts(findings: Iterable[Finding]) -> tuple[int, int]:
    """Return how many passed, and how many there are."""
    passed = [finding.failure is None for finding in findings]
    return sum(passed), len(passed)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 9) if known else None  # no traces of binary fractions in a sum of costs
