"""A form with files, which passes to one provider while it arrives: so it has one attempt, and only its model can change."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from proxy.config.snapshot import ANY_MODEL
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.exchange import Attempt, Exchange
from proxy.ingress.multipart import Form
from proxy.upload import Upload


def allow_one_attempt(exchange: Exchange) -> None:
    """Make the request one that is never tried again, because its body is not kept."""
    exchange.policy = replace(exchange.policy, retry_on_provider_error=False)


def form_request(attempt: Attempt, form: Form, upload: Upload) -> ProviderRequest:
    """Return the request with the caller's form, in which the upstream model stands in place of the caller's."""
    exchange, target = attempt.exchange, attempt.step.target
    beginning = form.beginning_with(form.fields.get("model", "") if target.model == ANY_MODEL else target.model)
    longer = sum(map(len, beginning)) - len(form.beginning)
    upload.begin(beginning, None if upload.size is None else upload.size + longer, held_bytes=len(form.beginning))
    exchange.form = structs.replace(form, beginning=b"")  # the upload has it
    path = DIALECTS[target.provider.dialect].paths[attempt.endpoint]
    return ProviderRequest(path, content_type=exchange.request.headers["Content-Type"])
