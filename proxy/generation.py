"""One routing.yaml with its pipeline, complete and frozen; a reload makes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxy.config.document import parse, suggestion
from proxy.config.load import load
from proxy.config.reading import Reader
from proxy.config.snapshot import Snapshot
from proxy.dialects import DIALECTS
from proxy.exchange import Attempt, Handler
from proxy.pipeline import Pipeline, compose


@dataclass(frozen=True, slots=True)
class Generation:
    """What a request takes once and keeps."""

    number: int
    snapshot: Snapshot
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes generations; what it holds is where a file's variables come from and where its pipelines end."""

    environ: Mapping[str, str]
    read_file: Callable[[str], str]
    upstream: Handler[Attempt]

    def make(self, text: str, name: str, number: int) -> Generation:
        """The generation of this text; ConfigError with everything that is wrong in it."""
        document = parse(text, name)
        reader = Reader(document, self.environ, self.read_file)
        snapshot, entries = load(reader)
        pipeline = compose(entries, reader, self.upstream)
        for provider in snapshot.providers.values():
            if provider.dialect not in DIALECTS:
                known = suggestion(provider.dialect, list(DIALECTS))
                document.complain(f"providers.{provider.name}.dialect", f"no dialect '{provider.dialect}'{known}")
        document.check()
        return Generation(number, snapshot, pipeline)
