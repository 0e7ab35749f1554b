"""The JSON Schema refuses what `parrot check` refuses, as far as a schema can, and accepts what it accepts."""

from __future__ import annotations

import pytest
import yaml

from proxy.cli.schema import schema
from proxy.config.document import ConfigError
from tests.fakes import generation
from tests.schemas import validation_errors

HEAD = "providers: {a: {dialect: openai, base_url: 'http://x'}}\n"


def provider(members: str) -> str:
    """Return a file whose only provider has these members too."""
    return HEAD.replace("'http://x'", f"'http://x', {members}")


def model(members: str, name: str = "m") -> str:
    """Return a file with one model."""
    return f"{HEAD}models: {{{name}: {members}}}\n"


def entry(text: str) -> str:
    """Return a file with one entry in its pipeline."""
    return f"{HEAD}pipeline:\n  - {text}\n"


WRONG = {
    "no providers": "models: {}\n",
    "providers without value": "providers:\n",
    "providers as a list": "providers: [a]\n",
    "no address": "providers: {a: {dialect: openai}}\n",
    "no dialect": "providers: {a: {base_url: 'http://x'}}\n",
    "an unknown section": HEAD + "listne: {}\n",
    "a provider's name": HEAD.replace("{a:", "{Open AI:"),
    "an unknown dialect": HEAD.replace("openai", "ollama"),
    "an address without a scheme": HEAD.replace("http://x", "x"),
    "an address with a password": HEAD.replace("http://x", "http://u:p@x"),
    "an unknown key": provider("wieght: 1"),
    "a negative weight": provider("weight: -1"),
    "a weight in words": provider("weight: much"),
    "an unknown auth": provider("auth: basic"),
    "a path without slash": provider("path: chat"),
    "a header's name": provider("headers: {'a b': c}"),
    "a line break in a header": provider('headers: {a: "b\\nc"}'),
    "a key with a space": provider("api_key: a b"),
    "a duration without unit": provider("timeouts: {connect: 5}"),
    "an unknown timeout": provider("timeouts: {total: 5s}"),
    "a limit of 0": provider("limits: {concurrency: 0}"),
    "a fraction as limit": provider("limits: {concurrency: 1.5}"),
    "probes that never fail": provider("probe: {failures: 0}"),
    "a region's name": provider("regions: {US: {}}"),
    "a residency in lower case": provider("regions: {us: {residency: us}}"),
    "a region's address": provider("regions: {us: {base_url: us}}"),
    "a model's name": model("{a: m}", "'a?b'"),
    "a model's name with ..": model("{a: m}", "a..b"),
    "an empty model's name": model("{a: m}", "''"),
    "a model without targets": model("gpt"),
    "a target as a list": model("{a: [m]}"),
    "a target without a model": model("{a: {context_window: 5}}"),
    "an unknown capability": model("{a: {model: m, unsupported: [wings]}}"),
    "a price without output": model("{a: {model: m, price: {input: 1}}}"),
    "a negative price": model("{a: {model: m, price: {input: 1, output: -1}}}"),
    "a context window of 0": model("{a: {model: m, context_window: 0}}"),
    "a port too high": HEAD + "listen: {port: 70000}\n",
    "no hosts": HEAD + "listen: {host: []}\n",
    "a host with a slash": HEAD + "listen: {host: 'a/b'}\n",
    "an unknown key of a section": HEAD + "drain: {time: 5s}\n",
    "a section as text": HEAD + "drain: soon\n",
    "a section without value": HEAD + "drain:\n",
    "a pipeline as text": HEAD + "pipeline: auth\n",
    "an entry as a list": entry("[auth]"),
    "two entries in one": entry("{auth: {}, limits: {}}"),
    "an unknown middleware": entry("authh"),
    "an unknown option": entry("limits: {max_body_size: 1MiB}"),
    "strategy off": entry("strategy: off"),
    "auth on": entry("auth: on"),
    "limits as a number": entry("limits: 3"),
    "an unknown strategy": entry("strategy: {default: best}"),
    "a size in words": entry("limits: {max_body: much}"),
    "a negative size": entry("limits: {max_body: -1}"),
    "a negative size in text": entry("limits: {max_body: '-1'}"),
    "max_inflight of 0": entry("limits: {max_inflight: 0}"),
    "max_connections of 0": entry("limits: {max_connections: 0}"),
    "too many retries": entry("failover: {max_retries: 11}"),
    "a budget over 100 %": entry("failover: {hedge: {budget: 150%}}"),
    "a budget over 1": entry("failover: {hedge: {budget: 2}}"),
    "a hedge at any time": entry("failover: {hedge: {after: soon}}"),
    "resume in words": entry("failover: {resume: always}"),
    "a breaker's threshold": entry("failover: {circuit_breaker: {failure_threshold: 0}}"),
    "early_commit auto": entry("sse_passthrough: {early_commit: auto}"),
    "an unknown word of translate": entry("translate: {unsupported_params: keep}"),
    "a caller's key without a value": entry("auth: {keys: [{name: a}]}"),
    "a caller's empty key": entry("auth: {keys: [{name: a, value: ''}]}"),
    "a caller's name": entry("auth: {keys: [{name: a b, value: c}]}"),
    "an origin with a path": entry("auth: {origins: ['https://a.example/b']}"),
    "an origin without a scheme": entry("auth: {origins: [a.example]}"),
}

BEYOND_A_SCHEMA = {
    "a provider that is not there": model("{b: m}"),
    "the wrong order": entry("limits\n  - auth"),
    "an entry that stands twice": entry("auth\n  - auth"),
    "a key that stands twice": HEAD + "drain: {}\ndrain: {}\n",
    "a variable that is not set": HEAD + "listen: {host: '${NOWHERE}'}\n",
    "an interval of probes": provider("probe: {every: 10ms}"),
}

RIGHT = {
    "providers alone": HEAD,
    "anchors": "x-host: &host {dialect: openai}\nproviders: {a: {<<: *host, base_url: 'http://x'}}\n",
    "entries that are off": entry("access_log: off\n  - limits: 'off'\n  - sse_passthrough: off"),
    "entries without options": entry("access_log:\n  - auth"),
    "no entries": HEAD + "pipeline: []\n",
    "a pipeline without value": HEAD + "pipeline:\n",
    "options": entry(
        "strategy: {default: cost-optimized}\n  - failover: {hedge: {after: off, budget: 5%}, resume: off}"
    ),
    "sizes": entry("limits: {max_body: 1048576, max_buffered: auto, max_connections: auto}"),
    "ratios": entry("failover: {hedge: {budget: 0.5}}"),
    "a ratio of 1": entry("failover: {hedge: {budget: 100%}}"),
    "early_commit": entry("sse_passthrough: {early_commit: off, ping: 20s}"),
    "variables": provider("api_key: '${KEY}', weight: '${WEIGHT:-2}'"),
    "origins": entry("auth: {origins: ['https://a.example', 'http://localhost:3000', 'null']}"),
    "patterns": model("{a: '*'}", "'gpt-*'"),
    "a model's name": model("{a: {model: m}}", "org/model:free"),
}


def check_refuses(text: str) -> bool:
    """Return whether the loader refuses a file."""
    try:
        generation(text)
    except ConfigError:
        return True
    return False


def schema_refuses(text: str) -> bool:
    """Return whether a file is invalid by the JSON Schema."""
    return validation_errors(yaml.safe_load(text), schema()) != []


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_both_refuse_a_wrong_file(text: str) -> None:
    assert (check_refuses(text), schema_refuses(text)) == (True, True)


@pytest.mark.parametrize("text", BEYOND_A_SCHEMA.values(), ids=BEYOND_A_SCHEMA)
def test_check_refuses_what_a_schema_cannot_express(text: str) -> None:
    assert (check_refuses(text), schema_refuses(text)) == (True, False)


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_both_accept_a_right_file(text: str) -> None:
    assert (check_refuses(text), validation_errors(yaml.safe_load(text), schema())) == (False, [])
