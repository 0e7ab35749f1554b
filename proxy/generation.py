"""One routing.yaml with its pipeline, complete and frozen; a reload makes another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

import yaml

from proxy.config.document import ConfigError, parse, suggestion
from proxy.config.load import load
from proxy.config.secrets import custom_middleware_values
from proxy.config.snapshot import Snapshot
from proxy.config.typed_loader import TypedLoader
from proxy.dialects import DIALECTS
from proxy.middleware.limits import Limits
from proxy.middleware.strategy import RoutingMiddleware
from proxy.middleware.translate import Translate
from proxy.pipeline import Pipeline, PipelineTerminals, compose
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
class GenerationFactory:
    """Makes generations; what it holds is where a file's variables come from and where its pipelines end."""

    environ: Mapping[str, str]
    read_file: Callable[[str], str]
    terminals: PipelineTerminals

    def build(self, text: str, name: str, number: int) -> Generation:
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
            snapshot, pipeline = self._load(TypedLoader(document, self.environ, read_file))
        except ConfigError as error:
            error.files = frozenset(files)
            raise
        return Generation(number, snapshot, pipeline, digest(text, *files.values()), frozenset(files), document.root)

    def _load(self, loader: TypedLoader) -> tuple[Snapshot, Pipeline]:
        document = loader.document
        snapshot, entries = load(loader)
        pipeline = compose(entries, loader, self.terminals)
        for provider in snapshot.providers.values():
            if provider.dialect not in DIALECTS:
                known = suggestion(provider.dialect, list(DIALECTS))
                document.add_error(f"providers.{provider.name}.dialect", f"no such dialect{known}")
        document.raise_if_invalid()
        return replace(
            _with_middleware_options(snapshot, pipeline), secrets=_secrets_for_log(loader, snapshot)
        ), pipeline


def _secrets_for_log(loader: TypedLoader, snapshot: Snapshot) -> frozenset[str]:
    """All secrets of the file that are unlike words, so that no line of the log is hurt by leaving them out."""
    known = {*loader.secrets, *custom_middleware_values(loader.substituted_values)}
    sent = (provider.redactor.secrets for provider in snapshot.providers.values())
    return frozenset(filter(is_distinct, known)).union(*sent)


def _with_middleware_options(snapshot: Snapshot, pipeline: Pipeline) -> Snapshot:
    """The snapshot with those options of middlewares that a decision depends on."""
    strict = any(isinstance(each, Translate) and each.unsupported_params == "error" for each in pipeline.middlewares)
    strategy = next(each.default for each in pipeline.middlewares if isinstance(each, RoutingMiddleware))
    inflight = min(each.max_inflight for each in pipeline.middlewares if isinstance(each, Limits))
    return replace(snapshot, strict_params=strict, default_strategy=strategy, max_inflight=inflight)


def digest(*texts: str) -> str:
    """Twelve hex digits that tell one set of texts from another."""
    return sha256("\0".join(texts).encode()).hexdigest()[:12]
