"""Requests that pass as they are: forms with files, while they arrive, and those for what a provider keeps."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from proxy.config.snapshot import ANY_MODEL
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.dialects.hub.request_members import replace_members
from proxy.exchange import Attempt, Exchange
from proxy.ingress.multipart import Form
from proxy.ingress.resources import passed_query
from proxy.upload import Upload


def allow_one_attempt(exchange: Exchange) -> None:
    """Make the request one that is never tried again: its body is not kept, or a second attempt could do the same twice."""
    exchange.policy = replace(exchange.policy, retry_on_provider_error=False)


def form_request(attempt: Attempt, form: Form, upload: Upload) -> ProviderRequest:
    """Return the request with the caller's form, in which the upstream model stands in place of the caller's."""
    exchange, target = attempt.exchange, attempt.step.target
    beginning = form.beginning_with(form.fields.get("model", "") if target.model == ANY_MODEL else target.model)
    longer = sum(map(len, beginning)) - len(form.beginning)
    upload.begin(beginning, None if upload.size is None else upload.size + longer, held_bytes=len(form.beginning))
    exchange.form = structs.replace(form, beginning=b"")  # the upload has it
    return ProviderRequest(_path(attempt), content_type=exchange.request.headers["Content-Type"])


def resource_request(attempt: Attempt) -> ProviderRequest:
    """Return the request for what a provider keeps, with the caller's body."""
    raw = attempt.exchange.raw
    return ProviderRequest(_path(attempt), replace_members(raw, {}, drop=("routing",)) if raw else b"")


def _path(attempt: Attempt) -> str:
    exchange = attempt.exchange
    if exchange.resource is not None:
        return exchange.resource.path + passed_query(exchange.request.path)
    return DIALECTS[attempt.step.target.provider.dialect].paths[attempt.endpoint]
