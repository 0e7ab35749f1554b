"""Every error in routing.yaml is reported with place and remedy, all at once."""

from __future__ import annotations

import errno

import pytest

from proxy.config.document import parse
from proxy.config.load import load
from proxy.config.schema import ProbeConfig, Timeouts
from proxy.config.snapshot import NO_OPTIONS
from proxy.config.typed_loader import TypedLoader
from proxy.config.units import Seconds
from tests.files import config_errors, load_snapshot
from tests.source import ROOT

HEAD = "providers:\n  openai: {dialect: openai, base_url: http://x}\n"
MODELS = "models: {m: {openai: m}}\n"
URL = "an http:// or https:// URL without credentials, query, fragment and unencoded characters"
NAME = "(?!.*(?:\\.\\.|//))[A-Za-z0-9._:/@+-]{1,256}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + MODELS + "listne: {}\n", "4:1: listne: unknown key; did you mean 'listen'?"),
        (HEAD + MODELS + "zzz: {}\n", "4:1: zzz: unknown key; known: admin, defaults, drain, listen, models, pipeline,"
         " providers"),
        (HEAD + MODELS + MODELS, "4:1: models: duplicate key, already on line 3"),
        (HEAD + "models:\n  m: {openai: a}\n  m: {openai: b}\n", "5:3: models.m: duplicate key, already on line 4"),
        (MODELS, "1:1: providers: is missing"),
        ("providers:\n  openai: {dialect: openai}\n" + MODELS, "2:11: providers.openai.base_url: is missing"),
        ("providers:\n  openai: {dialect: openai, base_url: 'ftp://x'}\n" + MODELS,
         f"2:39: providers.openai.base_url: expected {URL}, got text"),
        ("providers:\n  openai: {dialect: openai, base_url: '${WHERE}'}\n" + MODELS,
         "2:39: providers.openai.base_url: variable WHERE is not set; set it, or write ${WHERE:-default}"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, wieght: 2}\n" + MODELS,
         "2:49: providers.openai.wieght: unknown key; did you mean 'weight'?"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, weight: -1}\n" + MODELS,
         "2:57: providers.openai.weight: must be at least 0, got '-1'"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, auth: basic}\n" + MODELS,
         "2:55: providers.openai.auth: expected api-key or bearer or x-api-key or x-goog-api-key, got text"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, timeouts: {connect: 5}}\n" + MODELS,
         "2:69: providers.openai.timeouts.connect: expected a duration such as 500ms, 15s, 5m or 1h, got '5'"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, probe: {every: 10ms}}\n" + MODELS,
         "2:64: providers.openai.probe.every: expected 1s to 1h"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, probe: {timeout: 2m}}\n" + MODELS,
         "2:66: providers.openai.probe.timeout: expected 100ms to 60s"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, probe: {failures: 0}}\n" + MODELS,
         "2:67: providers.openai.probe.failures: must be at least 1, got '0'"),
        ("providers:\n  OpenAI: {dialect: openai, base_url: http://x}\nmodels: {}\n",
         "2:3: providers.OpenAI: a name must match ^[a-z0-9][a-z0-9_-]{0,63}$"),
        ("providers:\n  a: {dialect: openai, base_url: http://x, regions: {US: {}}}\nmodels: {}\n",
         "2:54: providers.a.regions.US: a name must match ^[a-z][a-z0-9-]{0,63}$"),
        (HEAD + "models:\n  m: {opnai: m}\n", "4:14: models.m.opnai: no provider 'opnai'; did you mean 'openai'?"),
        (HEAD + "models:\n  m: {qqq: m}\n", "4:12: models.m.qqq: no provider 'qqq'; known: openai"),
        (HEAD + "models:\n  m: {openai: {model: m, timeuot: {}}}\n",
         "4:26: models.m.openai.timeuot: unknown key; did you mean 'timeouts'?"),
        (HEAD + "models:\n  m: {openai: [m]}\n", "4:15: models.m.openai: expected text or a mapping, got a list"),
        (HEAD + "models:\n  'gpt *': {openai: m}\n", f"4:12: models.gpt *: a model name must match {NAME}"),
        (HEAD + "models:\n  a//*: {openai: m}\n", f"4:9: models.a//*: a model name must match {NAME}"),
        (HEAD + MODELS + "pipeline: [[a]]\n",
         "4:12: pipeline[0]: expected a middleware name or `- name: {option: value}`"),
        (HEAD + MODELS + "pipeline: [{a: {}, b: {}}]\n",
         "4:12: pipeline[0]: expected a middleware name or `- name: {option: value}`"),
        (HEAD + MODELS + "pipeline: auth\n", "4:11: pipeline: expected a list, got text"),
        (HEAD + MODELS + "listen: {host: []}\n", "4:16: listen.host: expected an address such as 127.0.0.1, or a list of them, got an empty list"),
        (HEAD + MODELS + "listen: {host: {a: 1}}\n", "4:16: listen.host: expected text or a list, got a mapping"),
        (HEAD + MODELS + "listen: {host: ['::1', 'http://x']}\n", "4:24: listen.host[1]: does not match ^[^\\s/]+$"),
        (HEAD + MODELS + "listen: {unix: \"a\\0b\"}\n", "4:16: listen.unix: does not match ^[^\\0]+$"),
        (HEAD + MODELS + "admin: {host: ''}\n", "4:15: admin.host: does not match ^[^\\s/]+$"),
        (HEAD + MODELS + "listen: {port: 70000}\n", "4:16: listen.port: must be at most 65535, got '70000'"),
        (HEAD + MODELS + "drain: {delay: 5 minutes}\n",
         "4:16: drain.delay: expected a duration such as 500ms, 15s, 5m or 1h, got '5 minutes'"),
        ("- a\n", "1:1: expected a mapping with keys such as providers and models"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_with_place_and_remedy(text: str, line: str) -> None:
    assert config_errors(text) == [f"routing.yaml:{line}"]


MODEL = HEAD + "  other: {dialect: openai, base_url: http://y}\nmodels:\n  m:\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MODEL + "    targets: {opnai: x}\n", "6:22: models.m.targets.opnai: no provider 'opnai'; did you mean 'openai'?"),
        (MODEL + "    targets: {a: {model: x, provider: opnai}}\n",
         "6:39: models.m.targets.a.provider: no provider 'opnai'; did you mean 'openai'?"),
        (MODEL + "    openai: {model: x, provider: opnai}\n",
         "6:34: models.m.openai.provider: no provider 'opnai'; did you mean 'openai'?"),
        (MODEL + "    policy: {}\n", "6:5: models.m.targets: is missing"),
        (MODEL + "    openai: x\n    failover: {}\n    targets: {}\n",
         "6:5: models.m.openai: unknown key; known: failover, policy, targets"),
        (MODEL + "    targets: {openai: {model: x, priority: -1}}\n",
         "6:44: models.m.targets.openai.priority: must be at least 0, got '-1'"),
        (MODEL + "    targets: {openai: {model: x, weight: heavy}}\n",
         "6:42: models.m.targets.openai.weight: expected a number, got text"),
        (MODEL + "    targets: {openai: x}\n    failover: {max_retries: 11}\n",
         "7:29: models.m.failover.max_retries: must be at most 10, got '11'"),
        (MODEL + "    targets: {openai: x}\n    failover: {hedge: on}\n",
         "7:23: models.m.failover.hedge: expected off, got 'on'"),
        (MODEL + "    targets: {openai: x}\n    failover: {hedge: {budget: 5%}}\n",
         "7:24: models.m.failover.hedge.budget: unknown key; known: after"),
        (MODEL + "    targets: {openai: x}\n    failover: {circuit_breaker: {}}\n",
         "7:16: models.m.failover.circuit_breaker: unknown key; known: hedge, max_retries, max_retry_after_wait, resume"),
        (MODEL + "    targets: {openai: x}\n    policy: [a]\n", "7:13: models.m.policy: expected a mapping, got a list"),
        (MODEL + "    targets: {openai: x, again: {provider: openai, model: x}}\n",
         "6:33: models.m.targets.again: the provider and model of 'openai' again; a target may be named once"),
        (MODEL + "    targets: {A b: {provider: openai, model: x}}\n",
         "6:20: models.m.targets.A b: a name must match ^[a-z0-9][a-z0-9_-]{0,63}$"),
        (MODEL + "    targets: {openai: 'x-*'}\n",
         "6:23: models.m.targets.openai.model: `*` and `$1` in it stand for a `*` of the model's name,"
         " but 'm' is no pattern"),
        (MODEL + "    targets: {openai: {model: x, params: {set: {stream: true}}}}\n",
         "6:42: models.m.targets.openai.params: 'stream' cannot be changed"),
        (MODEL + "    targets: {openai: {model: x, only_after: [timeout]}}\n",
         "6:47: models.m.targets.openai.only_after[0]: expected context_length, got text"),
        ("providers:\n  targets: {dialect: openai, base_url: http://x}\nmodels: {}\n",
         "2:12: providers.targets: a provider cannot have this name, which means something else in a model;"
         " reserved: targets, policy, failover"),
        (HEAD + "models:\n  '**********': {openai: m}\n", "4:17: models.**********: a pattern has at most 9 `*`"),
    ],
)  # fmt: skip
def test_an_error_in_a_model_is_one_line_with_place_and_remedy(text: str, line: str) -> None:
    assert config_errors(text) == [f"routing.yaml:{line}"]


LONG = """
providers:
  openai: {dialect: openai, base_url: http://x, weight: 3}
  local: {dialect: compatible, base_url: http://y, regions: {a: {}, b: {}}}
models:
  short: {openai: {model: x, priority: 2, weight: 0}}
  long:
    targets:
      local: qwen3
      openai: {model: gpt-4o, priority: 1}
      tuned:
        provider: openai
        model: ft
        priority: 1
        weight: 5
        family: gpt-4o
        params: {default: {temperature: 0.5, stop: ["x", "1"]}, set: {user: '7', seed: 7, store: false}, drop: [logprobs]}
    policy: {routing_strategy: cost-optimized}
    failover: {hedge: off, max_retries: 1}
"""


def test_a_model_has_a_short_and_a_long_form() -> None:
    snapshot = load_snapshot(LONG)
    found = [(each.id, each.priority, each.configured_weight, each.weight) for each in snapshot.targets("long")]
    assert found == [
        ("local@a/qwen3", 0, 1, 0.25),
        ("local@b/qwen3", 0, 1, 0.25),
        ("openai@global/gpt-4o", 1, 3, 0.75),
        ("openai@global/ft", 1, 5, 1.25),
    ]
    (short,) = snapshot.targets("short")
    assert (short.priority, short.configured_weight, short.weight) == (2, 0, 0)
    assert snapshot.options("short") == NO_OPTIONS == snapshot.options("unknown")
    options = snapshot.options("long")
    assert options.policy.members == {"routing_strategy": "cost-optimized"}
    assert (options.failover.hedge, options.failover.max_retries, options.failover.resume) == ("off", 1, None)


def test_a_target_has_a_family_and_params() -> None:
    *_, gpt, tuned = load_snapshot(LONG).targets("long")
    assert tuned.price == gpt.price is not None and tuned.context_window == gpt.context_window
    assert tuned.params.default == {"temperature": 0.5, "stop": ["x", "1"]}
    assert tuned.params.set == {"user": "7", "seed": 7, "store": False} and tuned.params.drop == ("logprobs",)


def test_options_of_a_pattern_hold_for_the_names_it_matches() -> None:
    snapshot = load_snapshot("""
providers: {a: {dialect: openai, base_url: http://x}}
models:
  gpt-*: {targets: {a: "*"}, policy: {max_latency_ms: 5}}
  gpt-4: {targets: {a: "*"}, policy: {max_latency_ms: 9}}
""")
    limits = [snapshot.options(name).policy.members for name in ("gpt-4", "gpt-5", "a/gpt-5", "other")]
    assert limits == [{"max_latency_ms": 9}, {"max_latency_ms": 5}, {}, {}]


def test_all_errors_are_reported_at_once_in_order() -> None:
    text = """\
listen: {port: high, hots: x}
models:
  m: {other: m, openai: [m]}
providers:
  openai: {dialect: openai, base_url: nowhere, weight: much}
  extra: {base_url: http://x}
drain: {timeout: 25}
drain: {}
"""
    assert config_errors(text) == [
        "routing.yaml:1:16: listen.port: expected a whole number, got text",
        "routing.yaml:1:22: listen.hots: unknown key; did you mean 'host'?",
        "routing.yaml:3:14: models.m.other: no provider 'other'; known: extra, openai",
        "routing.yaml:3:25: models.m.openai: expected text or a mapping, got a list",
        f"routing.yaml:5:39: providers.openai.base_url: expected {URL}, got text",
        "routing.yaml:5:56: providers.openai.weight: expected a number, got text",
        "routing.yaml:6:10: providers.extra.dialect: is missing",
        "routing.yaml:7:18: drain.timeout: expected a duration such as 500ms, 15s, 5m or 1h, got '25'",
        "routing.yaml:8:1: drain: duplicate key, already on line 7",
    ]


def test_an_invalid_provider_is_still_known_to_models() -> None:
    text = "providers:\n  openai: {dialect: openai}\nmodels: {m: {openai: m}, 'o-*': {openai: '*'}}\n"
    assert config_errors(text) == ["routing.yaml:2:11: providers.openai.base_url: is missing"]


def test_a_misplaced_key_is_not_shown() -> None:
    text = HEAD + MODELS + "listen: {port: '${KEY}'}\n"
    assert config_errors(text, {"KEY": "sk-planted"}) == [
        "routing.yaml:4:16: listen.port: expected a whole number, got '${KEY}'"
    ]


@pytest.mark.parametrize(("environ", "host"), [({}, "127.0.0.9"), ({"HOST": ""}, "127.0.0.9"), ({"HOST": "h"}, "h")])
def test_a_variable_has_a_default(environ: dict[str, str], host: str) -> None:
    assert load_snapshot(HEAD + MODELS + "listen: {host: '${HOST:-127.0.0.9}'}", environ).listen.host == host
    listen = load_snapshot(HEAD + MODELS + "listen: {host: ['${HOST:-127.0.0.9}', '::1']}", environ).listen
    assert listen.hosts == (host, "::1")


def test_a_secret_is_read_from_a_file() -> None:
    text = HEAD.replace("http://x}", "http://x, api_key: '${file:/run/key}'}") + MODELS
    key = load_snapshot(text, files={"/run/key": "sk-1\n"}).providers["openai"].key
    assert key is not None and (key.value, key.missing) == ("sk-1", None)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("'${file:/run/none}'", "cannot read /run/none: No such file or directory"),
        ("'${file:/run/empty}'", "${file:/run/empty} is empty"),
        ("'${file:/run/blank}'", "${file:/run/blank} is empty"),
        ("'${UNSET}'", "UNSET is not set"),
        ("'${EMPTY}'", "EMPTY is not set"),
        ("'${BLANK}'", "${BLANK} is empty"),
        ("''", "the key is empty"),
        ("' '", "the key is empty"),
    ],
)
def test_a_provider_without_a_key_is_disabled(written: str, reason: str) -> None:
    text = HEAD.replace(
        "http://x}", f"http://x, api_key: {written}}}\n  other: {{dialect: openai, base_url: http://y}}"
    )
    files = {"/run/empty": "", "/run/blank": " \r\n"}
    snapshot = load_snapshot(text + MODELS, {"EMPTY": "", "BLANK": " \t"}, files)
    assert {name: each.disabled_reason for name, each in snapshot.providers.items()} == {
        "openai": reason,
        "other": None,
    }


def test_exhausted_descriptors_are_an_error_and_disable_no_provider() -> None:
    def read_file(path: str) -> str:
        raise OSError(errno.EMFILE, "Too many open files", path)

    document = parse(HEAD.replace("http://x}", "http://x, api_key: '${file:/run/key}'}") + MODELS)
    load(TypedLoader(document, {}, read_file))
    assert [problem.message for problem in document.problems] == ["cannot read /run/key: Too many open files"]


@pytest.mark.parametrize(
    ("weights", "shares"),
    [((50, 20, 30), [0.5, 0.2, 0.3]), ((1, 1, 2), [0.25, 0.25, 0.5]), ((1, 0, 0), [1, 0, 0]), ((0, 0, 0), [0, 0, 0])],
)
def test_weights_become_shares(weights: tuple[float, ...], shares: list[float]) -> None:
    lines = [
        f"  {name}: {{dialect: openai, base_url: http://x, weight: {weight}}}"
        for name, weight in zip("abc", weights, strict=True)
    ]
    snapshot = load_snapshot("\n".join(["providers:", *lines, "models: {}"]))
    assert [provider.weight for provider in snapshot.providers.values()] == shares


def test_a_region_has_its_own_url_and_a_model_its_own_timeouts() -> None:
    snapshot = load_snapshot("""
providers:
  openai:
    dialect: openai
    base_url: http://x/v1/
    timeouts: {connect: 1s}
    regions: {us: {}, eu: {base_url: http://eu/v1/, residency: EU}}
models: {m: {openai: m}, n: {openai: {model: n2, timeouts: {connect: 2s}}}}
""")
    found = [(each.region, each.base_url, each.residency) for each in snapshot.targets("m")]
    assert found == [("us", "http://x/v1", "US"), ("eu", "http://eu/v1", "EU")]
    assert snapshot.targets("m")[0].timeouts.connect == 1
    assert [(each.model, each.timeouts.connect, each.timeouts.idle) for each in snapshot.targets("n")] == [
        ("n2", 2, Timeouts().idle)
    ] * 2


@pytest.mark.parametrize(
    ("message", "probe"),
    [
        ("", None),
        (", probe: null", None),
        (", probe: {}", ProbeConfig(every=Seconds(10), timeout=Seconds(3), failures=3)),
        (
            ", probe: {every: 1m, timeout: 1s, failures: 2}",
            ProbeConfig(every=Seconds(60), timeout=Seconds(1), failures=2),
        ),
    ],
)
def test_providers_are_not_probed_by_default(message: str, probe: ProbeConfig | None) -> None:
    snapshot = load_snapshot(f"providers:\n  a: {{dialect: openai, base_url: http://x{message}}}\nmodels: {{}}\n")
    assert snapshot.providers["a"].probe == probe


def test_pipeline_options_are_returned_unparsed() -> None:
    document = parse(HEAD + MODELS + "pipeline:\n  - auth\n  - limits: {max_inflight: 1}\n")
    _, entries = load(TypedLoader(document, {}, str))
    assert entries is not None
    assert [(entry.name, entry.path, entry.options is None) for entry in entries] == [
        ("auth", "pipeline[0]", True),
        ("limits", "pipeline[1].limits", False),
    ]


def test_yaml_aliases_work() -> None:
    text = "providers:\n  a: &a {dialect: openai, base_url: http://x}\n  b: *a\nmodels: {m: {a: x, b: y}}"
    assert [target.id for target in load_snapshot(text).targets("m")] == ["a@global/x", "b@global/y"]


def test_the_shipped_file_is_valid_without_variables() -> None:
    snapshot = load_snapshot((ROOT / "routing.yaml").read_text())
    assert all(provider.disabled_reason for provider in snapshot.providers.values())
    assert all(snapshot.targets(model) for model in snapshot.models)


@pytest.mark.parametrize(
    ("providers", "lines"),
    [
        ("", ["1:1: providers: is missing"]),
        ("providers: none\n", ["1:12: providers: expected a mapping, got 'none'"]),
        ("providers:\n", ["1:11: providers: expected a mapping, got nothing"]),
    ],
)
def test_without_providers_the_other_mistakes_are_reported_too(providers: str, lines: list[str]) -> None:
    text = providers + "models: {m: {openai: m}, 'a b': {x: y}}\ndrain: {timeout: 5}\n"
    more = config_errors(text)
    assert [line.split(": ", 1)[1] for line in more if "providers" not in line] == [
        f"models.a b: a model name must match {NAME}",
        "drain.timeout: expected a duration such as 500ms, 15s, 5m or 1h, got '5'",
    ]
    assert [line for line in more if "providers" in line] == [f"routing.yaml:{line}" for line in lines]


def test_mistakes_in_a_provider_without_an_address_are_all_reported() -> None:
    assert config_errors("providers:\n  a: {dialect: openai, regions: {US: {residency: eu}}}\n") == [
        "routing.yaml:2:6: providers.a.base_url: is missing",
        "routing.yaml:2:34: providers.a.regions.US: a name must match ^[a-z][a-z0-9-]{0,63}$",
        "routing.yaml:2:50: providers.a.regions.US.residency: does not match ^[A-Z]{2,8}$",
    ]


def test_models_may_be_left_out() -> None:
    [target] = load_snapshot(HEAD).targets("openai/gpt-5")
    assert target.id == "openai@global/gpt-5"


PRICED = """
providers:
  openai: {dialect: openai, base_url: http://x, regions: {eu-west-2: {body: {inference_geo: uk}}, nowhere: {}}}
  host: {dialect: openai, base_url: http://x}
models:
  own: {openai: {model: gpt-4o, price: {input: 2, output: 6, cached_input: 1}, context_window: 1000, unsupported: [images, tools]}}
  listed: {openai: gpt-4o, host: gpt-4o}
  unlisted: {openai: unknown-model}
  "gpt-*": {openai: "*"}
"""


def test_prices_and_context_windows_come_from_the_file_else_from_the_table() -> None:
    snapshot = load_snapshot(PRICED)
    own, listed, unlisted = (snapshot.targets(name)[0] for name in ("own", "listed", "unlisted"))
    assert own.price is not None and listed.price is not None
    assert own.price.cost(1_000_000, 1_000_000) == 8 and own.price.cost(1_000_000, 0, cached=1_000_000) == 1
    assert (own.context_window, own.unsupported) == (1000, {"images", "tools"})
    assert (
        listed.price.input > 0 and listed.context_window == listed.price.context_window and listed.unsupported == set()
    )
    assert (unlisted.price, unlisted.context_window) == (None, None)


def test_a_provider_without_list_prices_has_those_of_its_dialect() -> None:
    prices = {target.provider.name: target.price for target in load_snapshot(PRICED).targets("listed")}
    assert prices["host"] == prices["openai"]


def test_a_model_matched_by_a_pattern_has_its_own_price() -> None:
    snapshot = load_snapshot(PRICED)
    assert snapshot.targets("gpt-4o-mini")[0].price not in (None, snapshot.targets("listed")[0].price)
    assert snapshot.targets("openai/gpt-4o")[0].price == snapshot.targets("listed")[0].price


def test_a_known_cloud_region_has_coordinates_and_residency() -> None:
    here, nowhere, *_ = load_snapshot(PRICED).targets("listed")
    assert here.cloud_region is not None and (here.residency, here.body) == ("UK", {"inference_geo": "uk"})
    assert (nowhere.cloud_region, nowhere.residency, nowhere.body) == (None, None, {})


def test_known_names_are_those_of_the_file_and_of_all_zones() -> None:
    known = load_snapshot(PRICED).known_names
    assert known.providers == {"openai", "host"}
    assert known.regions == {"eu-west-2", "nowhere", "global"}
    assert {"EU", "UK", "US", "CH"} <= known.zones


@pytest.mark.parametrize(
    ("served", "message"),
    [
        ("{model: x, unsupported: [wings]}", "or images or json_schema or stream_options or tools, got text"),
        ("{model: x, context_window: 0}", "must be at least 1, got '0'"),
        ("{model: x, price: {input: -1, output: 1}}", "must be at least 0, got '-1'"),
        ("{model: x, price: {input: 1}}", "output"),
    ],
)
def test_an_invalid_deployment_is_refused(served: str, message: str) -> None:
    text = f"providers:\n  p: {{dialect: openai, base_url: http://x}}\nmodels: {{m: {{p: {served}}}}}"
    assert any(message in line for line in config_errors(text))
