"""Builds the HTTP request for one provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from msgspec import structs

from proxy.config.key_pool import PoolKey
from proxy.config.snapshot import Target
from proxy.dialects.contract import AUTH_SCHEMES, Dialect, ProviderRequest
from proxy.exchange import Attempt
from proxy.headers import to_upstream
from proxy.messages import UpstreamRequest


def upstream_request(attempt: Attempt, dialect: Dialect) -> UpstreamRequest:
    """Return the request of an attempt. The only one of its client's request is never sent twice."""
    exchange, target = attempt.exchange, attempt.step.target
    forwarded = to_upstream(exchange.request.headers, dialect.forwarded_header_prefixes)
    target = target if attempt.key is None else with_key(target, attempt.key)
    provider_request = attempt.provider_request
    if target.provider.path is not None and dialect.paths[attempt.endpoint] == dialect.paths["chat"]:
        provider_request = structs.replace(provider_request, path=target.provider.path)
    request = build_upstream_request(target, dialect, provider_request, forwarded)
    if exchange.resource is not None:
        request = structs.replace(request, method=exchange.request.method)
    if exchange.policy.retry_on_provider_error:
        return request
    return structs.replace(request, is_sent_once=True, upload=exchange.upload)


def with_key(target: Target, key: PoolKey) -> Target:
    """Return a target whose requests are sent with that key of its provider's pool."""
    return replace(target, provider=replace(target.provider, key=key.secret))


def build_upstream_request(
    target: Target, dialect: Dialect, provider_request: ProviderRequest, forwarded: Mapping[str, str]
) -> UpstreamRequest:
    """Return the request with the URL, query, headers and key of the file. The caller chooses none of them.

    `forwarded` are the caller's headers that this provider may see, in lower case.
    """
    provider = target.provider
    path = provider_request.path
    if provider.query:
        path += ("&" if "?" in path else "?") + urlencode(provider.query)
    # Names are compared in lower case: otherwise two spellings of one header would both be sent.
    headers = {**dialect.default_headers, **forwarded}
    if provider_request.headers or provider.headers:
        headers |= {
            name.lower(): value for name, value in (*provider_request.headers.items(), *provider.headers.items())
        }
    headers["content-type"] = provider_request.content_type
    if provider.key is not None:
        name, form = AUTH_SCHEMES[provider.auth or dialect.auth]
        headers[name.lower()] = form.format(provider.key.value)
    return UpstreamRequest(target.base_url + path, headers, provider_request.body)
