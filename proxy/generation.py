"""One routing.yaml with its pipeline, complete and frozen; a reload makes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import yaml

from proxy.config.document import ConfigError, parse, suggestion
from proxy.config.load import load
from proxy.config.reading import Reader
from proxy.config.secrets import of_own_middlewares
from proxy.config.snapshot import Snapshot
from proxy.dialects import DIALECTS
from proxy.middleware.limits import Limits
from proxy.middleware.strategy import StrategyChoice
from proxy.middleware.translate import Translate
from proxy.pipeline import Ends, Pipeline, compose
from proxy.redaction import is_distinct


@dataclass(frozen=True, slots=True)
class Generation:
    """What a request takes once and keeps."""

    number: int
    snapshot: Snapshot
    pipeline: Pipeline
    digest: str
    """Of the file and of all that it reads: the same exactly if they are."""
    files: frozenset[str]
    """The files that `${file:…}` names."""
    root: yaml.Node
    """The file's own words."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes generations; what it holds is where a file's variables come from and where its pipelines end."""

    environ: Mapping[str, str]
    read_file: Callable[[str], str]
    ends: Ends

    def make(self, text: str, name: str, number: int) -> Generation:
        """The generation of this text; ConfigError with everything that is wrong in it."""
        document = parse(text, name)
        files: dict[str, str] = {}

        def read_file(path: str) -> str:
            try:
                files[path] = self.read_file(path)
            except OSError as error:
                files[path] = f"\0{error}"  # it is watched all the same, and is another state than an empty file
                raise
            return files[path]

        try:
            snapshot, pipeline = self._loaded(Reader(document, self.environ, read_file))
        except ConfigError as error:
            error.files = frozenset(files)
            raise
        return Generation(number, snapshot, pipeline, digest(text, *files.values()), frozenset(files), document.root)

    def _loaded(self, reader: Reader) -> tuple[Snapshot, Pipeline]:
        document = reader.document
        snapshot, entries = load(reader)
        pipeline = compose(entries, reader, self.ends)
        for provider in snapshot.providers.values():
            if provider.dialect not in DIALECTS:
                known = suggestion(provider.dialect, list(DIALECTS))
                document.complain(f"providers.{provider.name}.dialect", f"no such dialect{known}")
        document.check()
        return replace(_informed(snapshot, pipeline), secrets=_secrets(reader, snapshot)), pipeline


def _secrets(reader: Reader, snapshot: Snapshot) -> frozenset[str]:
    """All secrets of the file that are unlike words, so that no line of the log is hurt by leaving them out."""
    known = {*reader.secrets, *of_own_middlewares(reader.substituted)}
    sent = (provider.redactor.secrets for provider in snapshot.providers.values())
    return frozenset(filter(is_distinct, known)).union(*sent)


def _informed(snapshot: Snapshot, pipeline: Pipeline) -> Snapshot:
    """The snapshot with those options of middlewares that a decision depends on."""
    strict = any(isinstance(each, Translate) and each.unsupported_params == "error" for each in pipeline.middlewares)
    strategy = next(each.default for each in pipeline.middlewares if isinstance(each, StrategyChoice))
    inflight = min(each.max_inflight for each in pipeline.middlewares if isinstance(each, Limits))
    return replace(snapshot, strict_params=strict, default_strategy=strategy, max_inflight=inflight)


def digest(*texts: str) -> str:
    """Twelve hex digits that tell one set of texts from another."""
    return sha256("\0".join(texts).encode()).hexdigest()[:12]
