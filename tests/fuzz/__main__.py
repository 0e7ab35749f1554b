"""`python -m tests.fuzz [TARGET ...] --seconds N`: changes the inputs of the targets, and writes those that fail into the corpus.

A target is named by its beginning: `stream-` is every stream parser. Exits with 1 if an input has failed.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from itertools import cycle
from random import Random

from tests.fuzz.failures import Failure, failure_of, shrunk
from tests.fuzz.growth import grown, grows_too_fast
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import CORPUS, TARGETS, Target

BATCH = 50
"""Inputs of one target, of which the last is made larger."""


class Fuzzer:
    """Tries inputs, and reports each kind of failure once."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.tried = 0
        self.failures: set[tuple[str, ...]] = set()

    def try_batch(self, name: str, target: Target) -> None:
        seeds = target.seeds()
        for _ in range(BATCH):
            data = mutate(self._random.choice(seeds), self._random, seeds)
            self.tried += 1
            if failure := failure_of(target.run, data):
                self._report(name, target, data, failure)
        self._try_growth(name, target, data if self._random.random() < 0.5 else self._random.choice(seeds))

    def _try_growth(self, name: str, target: Target, data: bytes) -> None:
        shape = grown(data, self._random)
        if shape is None or failure_of(target.run, shape(20)):
            return
        if grows_too_fast(shape, target.run):
            self._report(name, target, shape(3), Failure("more than linear time", name, ""))

    def _report(self, name: str, target: Target, data: bytes, failure: Failure) -> None:
        if failure.key in self.failures:
            return
        self.failures.add(failure.key)
        data = shrunk(target.run, data, failure)
        file = CORPUS / name / hashlib.sha256(data).hexdigest()[:12]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        print(f"{name}: {failure.error} at {failure.place}\n{failure.traceback}{file}: {data[:600]!r}\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[""], metavar="TARGET", help="beginnings of names of targets")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chosen = {name: target for name, target in TARGETS.items() if name.startswith(tuple(given.targets))}
    if not chosen:
        parser.error(f"no such target; there are {', '.join(TARGETS)}")
    fuzzer, end = Fuzzer(given.seed), time.monotonic() + given.seconds
    for name, target in cycle(chosen.items()):
        if time.monotonic() > end:
            break
        fuzzer.try_batch(name, target)
    print(f"{fuzzer.tried} inputs, {len(fuzzer.failures)} kinds of failures")
    return int(bool(fuzzer.failures))


if __name__ == "__main__":
    sys.exit(main())
