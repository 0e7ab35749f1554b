"""Builds a generation: the immutable snapshot and pipeline of one version of routing.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

import yaml

from proxy.config.document import ConfigError, Document, parse
from proxy.config.load import dialects, load
from proxy.config.secrets import custom_middleware_values
from proxy.config.snapshot import Snapshot
from proxy.config.typed_loader import INVALID, TypedLoader
from proxy.dialects import DIALECTS
from proxy.dialects.suggestions import suggest_dialect
from proxy.listen_security import exposed_listener
from proxy.middleware.auth import Auth
from proxy.middleware.limits import Limits
from proxy.middleware.strategy import RoutingMiddleware
from proxy.middleware.translate import Translate
from proxy.pipeline import Pipeline, PipelineTerminals, compose
from proxy.redaction import Redactor, is_distinct
from proxy.routing.policy_levels import policy_errors


@dataclass(frozen=True, slots=True)
class Generation:
    """A numbered snapshot with its pipeline. A request uses the same one from beginning to end."""

    number: int
    snapshot: Snapshot
    pipeline: Pipeline
    digest: str
    """Hash of the file and of the files it refers to."""
    files: frozenset[str]
    """The files named by `${file:…}`."""
    root: yaml.Node = field(repr=False)
    """The YAML of the file, to compare it with the next."""


@dataclass(frozen=True, slots=True)
class GenerationFactory:
    """Builds generations from the sources of variables and the end points of pipelines."""

    environ: Mapping[str, str] = field(repr=False)
    read_file: Callable[[str], str]
    terminals: PipelineTerminals
    checks_listener: bool = False
    """Whether a listener that others can reach without a key is a problem of the file."""

    def build(self, text: str, name: str, number: int) -> Generation:
        """Build the generation of a text. Raises ConfigError, which lists all problems and the files referred to."""
        document = parse(text, name)
        files: dict[str, str] = {}

        def read_file(path: str) -> str:
            try:
                files[path] = self.read_file(path)
            except OSError as error:
                files[path] = f"\0{error}"  # watched too, and different from an empty file
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
        for path, dialect in dialects(loader):
            if dialect not in DIALECTS:
                document.add_error(path, f"unknown dialect{suggest_dialect(dialect, DIALECTS)}")
        _check_policies(loader, snapshot, pipeline)
        if self.checks_listener:
            _check_listener(document, snapshot, pipeline)
        document.raise_if_invalid()
        snapshot = _with_middleware_options(snapshot, pipeline)
        return replace(snapshot, secrets=_secrets_for_log(loader, snapshot)), pipeline


def _check_policies(loader: TypedLoader, snapshot: Snapshot, pipeline: Pipeline) -> None:
    keys = [key for key in pipeline.find(Auth).keys if key is not INVALID]
    redactor = Redactor([*loader.secrets, *(value for _, value in loader.substituted_values)])
    for words in (*snapshot.policies, *(key.policy for key in keys)):
        for path, message in policy_errors(words, snapshot.known_names):
            loader.document.add_error(path, redactor.redact_text(message))


def _check_listener(document: Document, snapshot: Snapshot, pipeline: Pipeline) -> None:
    """Add the problem of an exposed listener. Whether there are keys is unknown where the pipeline is not valid."""
    problem = exposed_listener(snapshot.listen, pipeline)
    if problem is not None and not any(each.path.startswith("pipeline") for each in document.problems):
        document.add_error("listen.host", problem)


def _secrets_for_log(loader: TypedLoader, snapshot: Snapshot) -> frozenset[str]:
    """Return the secrets of the file that are distinct from words, so that redacting them leaves logs readable."""
    known = {*loader.secrets, *custom_middleware_values(loader.substituted_values)}
    sent = (provider.redactor.secrets for provider in snapshot.providers.values())
    return frozenset(filter(is_distinct, known)).union(*sent)


def _with_middleware_options(snapshot: Snapshot, pipeline: Pipeline) -> Snapshot:
    """Return the snapshot with the middleware options that routing decisions depend on."""
    translate = pipeline.find(Translate)
    return replace(
        snapshot,
        strict_params=translate.unsupported_params == "error",
        keeps_hosted_tools=translate.hosted_tools == "exclude",
        fetches_files=translate.fetch_images,
        default_strategy=pipeline.find(RoutingMiddleware).default,
        max_inflight=pipeline.find(Limits).max_inflight,
    )


def digest(*texts: str) -> str:
    """Return a hash of texts as twelve hex digits."""
    return sha256("\0".join(texts).encode()).hexdigest()[:12]
