"""Every mistake in routing.yaml is a line with its place and its remedy, all of them at once."""

from __future__ import annotations

import errno

import pytest

from proxy.config.document import ConfigError, parse
from proxy.config.load import load
from proxy.config.schema import ProbeConfig, Timeouts
from proxy.config.typed_loader import TypedLoader
from proxy.config.units import Seconds
from tests.files import config_errors, load_snapshot
from tests.source import ROOT

HEAD = "providers:\n  openai: {dialect: openai, base_url: http://x}\n"
MODELS = "models: {m: {openai: m}}\n"
NAME = "(?!.*(?:\\.\\.|//))[A-Za-z0-9._:/@+-]{1,256}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + MODELS + "listne: {}\n", "4:1: listne: unknown key; did you mean 'listen'?"),
        (HEAD + MODELS + "zzz: {}\n", "4:1: zzz: unknown key; known: admin, defaults, drain, listen, models, pipeline,"
         " providers"),
        (HEAD + MODELS + MODELS, "4:1: models: duplicate key; it stands on line 3 already"),
        (HEAD + "models:\n  m: {openai: a}\n  m: {openai: b}\n", "5:3: models.m: duplicate key; it stands on line 4"
         " already"),
        (HEAD, "1:1: models: is missing"),
        (MODELS, "1:1: providers: is missing"),
        ("providers:\n  openai: {dialect: openai}\n" + MODELS, "2:11: providers.openai.base_url: is missing"),
        ("providers:\n  openai: {dialect: openai, base_url: 'ftp://x'}\n" + MODELS,
         "2:39: providers.openai.base_url: does not match ^https?://[^\\s/?#@]+(/[^\\s?#]*)?$"),
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
         "2:56: providers.openai.probe: every: expected 1s to 1h"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, probe: {timeout: 2m}}\n" + MODELS,
         "2:56: providers.openai.probe: timeout: expected 100ms to 60s"),
        ("providers:\n  openai: {dialect: openai, base_url: http://x, probe: {failures: 0}}\n" + MODELS,
         "2:67: providers.openai.probe.failures: must be at least 1, got '0'"),
        ("providers:\n  OpenAI: {dialect: openai, base_url: http://x}\nmodels: {}\n",
         "2:11: providers.OpenAI: a name must match ^[a-z0-9][a-z0-9_-]{0,63}$"),
        ("providers:\n  a: {dialect: openai, base_url: http://x, regions: {US: {}}}\nmodels: {}\n",
         "2:58: providers.a.regions.US: a name must match ^[a-z][a-z0-9-]{0,63}$"),
        (HEAD + "models:\n  m: {opnai: m}\n", "4:14: models.m.opnai: no provider 'opnai'; did you mean 'openai'?"),
        (HEAD + "models:\n  m: {qqq: m}\n", "4:12: models.m.qqq: no provider 'qqq'; known: openai"),
        (HEAD + "models:\n  m: {openai: {model: m, timeuot: {}}}\n",
         "4:26: models.m.openai.timeuot: unknown key; did you mean 'timeouts'?"),
        (HEAD + "models:\n  m: {openai: [m]}\n", "4:15: models.m.openai: expected text or a mapping, got a list"),
        (HEAD + "models:\n  'gpt *': {openai: m}\n", f"4:12: models.gpt *: a model's name must match {NAME}"),
        (HEAD + "models:\n  a//*: {openai: m}\n", f"4:9: models.a//*: a model's name must match {NAME}"),
        (HEAD + MODELS + "pipeline: [[a]]\n",
         "4:12: pipeline[0]: expected a middleware's name, or one with options: `- name: {option: value}`"),
        (HEAD + MODELS + "pipeline: [{a: {}, b: {}}]\n",
         "4:12: pipeline[0]: expected a middleware's name, or one with options: `- name: {option: value}`"),
        (HEAD + MODELS + "pipeline: auth\n", "4:11: pipeline: expected a list, got text"),
        (HEAD + MODELS + "listen: {port: 70000}\n", "4:16: listen.port: must be at most 65535, got '70000'"),
        (HEAD + MODELS + "drain: {delay: 5 minutes}\n",
         "4:16: drain.delay: expected a duration such as 500ms, 15s, 5m or 1h, got '5 minutes'"),
        ("- a\n", "1:1: expected a mapping with keys such as providers and models"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place_and_remedy(text: str, line: str) -> None:
    assert config_errors(text) == [f"routing.yaml:{line}"]


def test_all_mistakes_of_a_file_come_at_once_in_its_order() -> None:
    text = """\
listen: {port: high, hots: x}
models:
  m: {nobody: m, openai: [m]}
providers:
  openai: {dialect: openai, base_url: nowhere, weight: much}
  extra: {base_url: http://x}
drain: {timeout: 25}
drain: {}
"""
    assert config_errors(text) == [
        "routing.yaml:1:16: listen.port: expected a whole number, got text",
        "routing.yaml:1:22: listen.hots: unknown key; did you mean 'host'?",
        "routing.yaml:3:15: models.m.nobody: no provider 'nobody'; known: extra, openai",
        "routing.yaml:3:26: models.m.openai: expected text or a mapping, got a list",
        "routing.yaml:5:39: providers.openai.base_url: does not match ^https?://[^\\s/?#@]+(/[^\\s?#]*)?$",
        "routing.yaml:5:56: providers.openai.weight: expected a number, got text",
        "routing.yaml:6:10: providers.extra.dialect: is missing",
        "routing.yaml:7:18: drain.timeout: expected a duration such as 500ms, 15s, 5m or 1h, got '25'",
        "routing.yaml:8:1: drain: duplicate key; it stands on line 7 already",
    ]


def test_a_mistaken_provider_does_not_make_its_models_unknown() -> None:
    text = "providers:\n  openai: {dialect: openai}\nmodels: {m: {openai: m}, 'o-*': {openai: '*'}}\n"
    assert config_errors(text) == ["routing.yaml:2:11: providers.openai.base_url: is missing"]


def test_a_key_in_the_wrong_place_is_not_printed() -> None:
    text = HEAD + MODELS + "listen: {port: '${KEY}'}\n"
    assert config_errors(text, {"KEY": "sk-planted"}) == [
        "routing.yaml:4:16: listen.port: expected a whole number, got '${KEY}'"
    ]


@pytest.mark.parametrize(("environ", "host"), [({}, "127.0.0.9"), ({"HOST": ""}, "127.0.0.9"), ({"HOST": "h"}, "h")])
def test_a_variable_has_a_default(environ: dict[str, str], host: str) -> None:
    assert load_snapshot(HEAD + MODELS + "listen: {host: '${HOST:-127.0.0.9}'}", environ).listen.host == host


def test_a_secret_may_be_a_file() -> None:
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
def test_a_provider_without_a_key_is_disabled_and_the_others_serve(written: str, reason: str) -> None:
    text = HEAD.replace(
        "http://x}", f"http://x, api_key: {written}}}\n  other: {{dialect: openai, base_url: http://y}}"
    )
    files = {"/run/empty": "", "/run/blank": " \r\n"}
    snapshot = load_snapshot(text + MODELS, {"EMPTY": "", "BLANK": " \t"}, files)
    assert {name: each.disabled_reason for name, each in snapshot.providers.items()} == {
        "openai": reason,
        "other": None,
    }


def test_want_of_descriptors_disables_no_provider() -> None:
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
    ("said", "probe"),
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
def test_nobody_is_probed_unless_the_file_says_so(said: str, probe: ProbeConfig | None) -> None:
    snapshot = load_snapshot(f"providers:\n  a: {{dialect: openai, base_url: http://x{said}}}\nmodels: {{}}\n")
    assert snapshot.providers["a"].probe == probe


def test_the_pipelines_entries_are_handed_on_unread() -> None:
    document = parse(HEAD + MODELS + "pipeline:\n  - auth\n  - limits: {max_inflight: 1}\n")
    _, entries = load(TypedLoader(document, {}, str))
    assert [(entry.name, entry.path, entry.options is None) for entry in entries] == [
        ("auth", "pipeline[0]", True),
        ("limits", "pipeline[1].limits", False),
    ]


def test_an_alias_may_repeat_what_stands_elsewhere() -> None:
    text = "providers:\n  a: &a {dialect: openai, base_url: http://x}\n  b: *a\nmodels: {m: {a: x, b: y}}"
    assert [target.id for target in load_snapshot(text).targets("m")] == ["a@global/x", "b@global/y"]


def test_the_worked_example_is_sound_without_a_single_variable() -> None:
    snapshot = load_snapshot((ROOT / "routing.yaml").read_text())
    assert all(provider.disabled_reason for provider in snapshot.providers.values())
    assert all(snapshot.targets(model) for model in snapshot.models)


def test_nothing_is_loaded_of_a_file_without_its_required_parts() -> None:
    with pytest.raises(ConfigError):
        load(TypedLoader(parse("models: {}"), {}, str))


PRICED = """
providers:
  openai: {dialect: openai, base_url: http://x, regions: {eu-west-2: {body: {inference_geo: uk}}, nowhere: {}}}
  host: {dialect: openai, base_url: http://x}
models:
  own: {openai: {model: gpt-4o, price: {input: 2, output: 6, cached_input: 1}, context_window: 1000, unsupported: [images, tools]}}
  listed: {openai: gpt-4o, host: gpt-4o}
  unheard: {openai: nobody-knows-this}
  "gpt-*": {openai: "*"}
"""


def test_a_target_has_the_files_price_and_limits_else_the_listed_ones() -> None:
    snapshot = load_snapshot(PRICED)
    own, listed, unheard = (snapshot.targets(name)[0] for name in ("own", "listed", "unheard"))
    assert own.price is not None and listed.price is not None
    assert own.price.cost(1_000_000, 1_000_000) == 8 and own.price.cost(1_000_000, 0, cached=1_000_000) == 1
    assert (own.context_window, own.unsupported) == (1000, {"images", "tools"})
    assert (
        listed.price.input > 0 and listed.context_window == listed.price.context_window and listed.unsupported == set()
    )
    assert (unheard.price, unheard.context_window) == (None, None)


def test_a_host_without_prices_of_its_own_has_those_of_what_it_speaks() -> None:
    prices = {target.provider.name: target.price for target in load_snapshot(PRICED).targets("listed")}
    assert prices["host"] == prices["openai"]


def test_what_a_pattern_matches_has_its_own_price() -> None:
    snapshot = load_snapshot(PRICED)
    assert snapshot.targets("gpt-4o-mini")[0].price not in (None, snapshot.targets("listed")[0].price)
    assert snapshot.targets("openai/gpt-4o")[0].price == snapshot.targets("listed")[0].price


def test_a_region_has_a_place_if_it_is_on_the_map_and_members_of_its_own() -> None:
    here, nowhere, *_ = load_snapshot(PRICED).targets("listed")
    assert here.cloud_region is not None and (here.residency, here.body) == ("UK", {"inference_geo": "uk"})
    assert (nowhere.cloud_region, nowhere.residency, nowhere.body) == (None, None, {})


def test_headers_may_name_what_the_file_and_the_map_know() -> None:
    known = load_snapshot(PRICED).known_names
    assert known.providers == {"openai", "host"}
    assert known.regions == {"eu-west-2", "nowhere", "global"}
    assert {"EU", "UK", "US", "CH"} <= known.zones


@pytest.mark.parametrize(
    ("served", "said"),
    [
        ("{model: x, unsupported: [wings]}", "expected images or json_schema or tools, got text"),
        ("{model: x, context_window: 0}", "must be at least 1, got '0'"),
        ("{model: x, price: {input: -1, output: 1}}", "must be at least 0, got '-1'"),
        ("{model: x, price: {input: 1}}", "output"),
    ],
)
def test_a_model_that_is_served_impossibly_is_refused(served: str, said: str) -> None:
    text = f"providers:\n  p: {{dialect: openai, base_url: http://x}}\nmodels: {{m: {{p: {served}}}}}"
    assert any(said in line for line in config_errors(text))
