"""The sandbox replaces the URLs and keys of a configuration and leaves the rest unchanged."""

from __future__ import annotations

from dataclasses import replace

from proxy.config.units import Secret
from proxy.sandbox.adapt import adapt_snapshot
from tests.fakes import PROVIDER_KEY, generation, routing_yaml

URLS = {name: f"http://127.0.0.1/{name}/v1" for name in "abc"}
FILE = (
    routing_yaml()
    .replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"', 1)
    .replace(
        "regions: {us: {}}",
        "path: /x, query: {v: '1'}, headers: {H: h}, auth: api-key, weight: 3, regions: {us: {}, eu: {}}",
        1,
    )
    + '  "m-*": {a: "*", b: fixed}\n'
)


def both():
    snapshot = generation(FILE).snapshot
    return snapshot, adapt_snapshot(snapshot, URLS)


def test_every_target_has_the_url_of_its_simulated_provider():
    _, simulated = both()
    for name in ("m", "m-anything", "c/other"):
        assert simulated.targets(name)
        for target in simulated.targets(name):
            assert target.base_url == URLS[target.provider.name]
            assert target.provider is simulated.providers[target.provider.name]


def test_names_weights_and_regions_are_unchanged():
    before, after = both()
    for name in ("m", "m-anything", "a/other", "unknown/other"):
        assert [(each.id, each.region, each.model) for each in after.targets(name)] == [
            (each.id, each.region, each.model) for each in before.targets(name)
        ]
    assert {name: each.weight for name, each in after.providers.items()} == {"a": 0.6, "b": 0.2, "c": 0.2}
    assert [each.text for each in after.patterns] == ["m-*"]
    assert (after.listen, after.drain, after.defaults) == (before.listen, before.drain, before.defaults)


def test_real_keys_are_not_sent_and_no_provider_is_disabled():
    before, after = both()
    assert before.providers["a"].disabled_reason and not after.providers["a"].disabled_reason
    assert {each.key for each in after.providers.values()} == {Secret("sandbox")}
    plain = replace(after.providers["a"], auth=None, path=None, query={}, headers={})
    assert after.providers["a"] == plain


def test_the_original_snapshot_is_unchanged():
    before, _ = both()
    assert before.providers["b"].key == Secret(PROVIDER_KEY)
    assert before.targets("m")[1].base_url.startswith("https://")


def test_the_keys_of_a_pool_are_replaced_and_keep_their_names_and_accounts():
    keys = "[sk-canary-1, {value: sk-canary-2, account: x, name: spare}]"
    file = routing_yaml().replace(f"api_key: {PROVIDER_KEY}", f"api_key: {keys}", 1)
    pool = adapt_snapshot(generation(file).snapshot, URLS).providers["a"].pool
    assert [(key.label, key.secret.value) for key in pool.keys] == [("key 1", "sandbox-1"), ("spare", "sandbox-2")]
    assert [getattr(each, "value", each) for each in pool.accounts] == ["sandbox-1", "x"]
