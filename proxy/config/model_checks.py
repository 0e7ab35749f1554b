"""Checks the models of routing.yaml: their names, the providers of their targets, and the targets' own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from proxy.config import schema
from proxy.config.document import suggestion
from proxy.config.patterns import template_error
from proxy.config.snapshot import MODEL_NAME
from proxy.config.targets import valid_items
from proxy.config.texts import matches
from proxy.config.typed_loader import TypedLoader

MAX_STARS = 9
"""In a pattern, so that each has a placeholder from `$1` to `$9`."""
_ROUTED_MEMBERS = frozenset({"model", "messages", "stream", "routing"})
"""Members of a request that `params` cannot change, because the sidecar itself works with them."""


def valid_deployments(loader: TypedLoader, file: schema.RoutingFile) -> dict[str, dict[str, schema.ModelDeployment]]:
    """Return the deployments of each model by label, without invalid ones. Their errors are added to the document."""
    rows = valid_items(file.models)
    return {name: dict(_Row(loader, file, name, row).deployments()) for name, row in rows.items()}


@dataclass(frozen=True, slots=True)
class _Row:
    """One model of the file."""

    loader: TypedLoader
    file: schema.RoutingFile
    name: str
    config: schema.ModelConfig

    def deployments(self) -> Iterator[tuple[str, schema.ModelDeployment]]:
        """Yield the valid deployments."""
        if not MODEL_NAME.fullmatch(self.name.replace("*", "x")):
            self._reject(f"models.{self.name}", f"a model name must match {MODEL_NAME.pattern}")
        if self.name.count("*") > MAX_STARS:
            self._reject(f"models.{self.name}", f"a pattern has at most {MAX_STARS} `*`")
        path = f"models.{self.name}"
        path = f"{path}.targets" if f"{path}.targets" in self.loader.document.marks else path
        seen: dict[tuple[str, str], str] = {}
        for label, served in self._targets().items():
            found = schema.ModelDeployment(model=served) if isinstance(served, str) else served
            first = seen.setdefault((found.provider or label, found.model), label)
            if self._is_valid(f"{path}.{label}", label, found, first):
                yield label, found

    def _targets(self) -> dict[str, str | schema.ModelDeployment]:
        return valid_items(self.config.targets)

    def _is_valid(self, path: str, label: str, served: schema.ModelDeployment, first: str) -> bool:
        """Return whether a deployment is valid. `first` is the label of the first one with its provider and model."""
        errors = {
            f"{path}.provider" if served.provider else path: self._provider_error(served.provider or label),
            **({path: _label_error(label)} if served.provider else {}),
            f"{path}.model": template_error(served.model, self.name),
            f"{path}.params": _params_error(served.params),
        }
        if first != label:
            errors[path] = f"the provider and model of '{first}' again; a target may be named once"
        found = {where: message for where, message in errors.items() if message}
        for where, message in found.items():
            self._reject(where, message)
        return not found

    def _provider_error(self, name: str) -> str | None:
        known = self.file.providers
        is_checked = all(problem.path != "providers" for problem in self.loader.document.problems)
        return None if name in known or not is_checked else f"no provider '{name}'{suggestion(name, list(known))}"

    def _reject(self, path: str, message: str) -> None:
        self.loader.document.add_error(path, message)


def _label_error(label: str) -> str | None:
    return None if matches(schema.PROVIDER_NAME, label) else f"a name must match {schema.PROVIDER_NAME}"


def _params_error(params: schema.TargetParams) -> str | None:
    names: Mapping[str, object] = {**params.default, **params.set, **dict.fromkeys(params.drop)}
    wrong = sorted(_ROUTED_MEMBERS.intersection(names))
    return f"'{wrong[0]}' cannot be changed" if wrong else None
