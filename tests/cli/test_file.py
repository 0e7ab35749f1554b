"""A command reads its configuration file, or ends with the reason."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from proxy.cli.command import CommandError
from proxy.cli.file import add_config_argument, config_path, load_generation
from proxy.cli.file import read_file as read
from proxy.config.document import MAX_FILE_BYTES
from proxy.dialects import DIALECTS
from tests.fakes import PROVIDER_KEY, routing_yaml


def path_of(*argv):
    parser = ArgumentParser()
    add_config_argument(parser)
    parser.add_argument("--sandbox", action="store_true")
    return config_path(parser.parse_args(argv))


def test_the_file_is_an_argument_or_an_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert path_of("x") == path_of("-c", "x") == path_of("--config", "x") == path_of("--sandbox", "x") == "x"
    with pytest.raises(CommandError, match="name the configuration once: FILE or -c FILE"):
        path_of("x", "-c", "y")


def test_the_default_file_is_routing_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routing.yaml").write_text(routing_yaml())
    assert path_of() == path_of("--sandbox") == "routing.yaml"


def test_without_a_file_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError) as caught:
        path_of()
    first, *remedies = str(caught.value).splitlines()
    assert (first, caught.value.exit_code) == ("no routing.yaml in this folder", 2)
    assert [line[:24].strip() for line in remedies] == ["parrot init", "parrot serve --sandbox", "-c FILE"]


def test_without_a_file_the_sandbox_has_an_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snapshot = load_generation(path_of("--sandbox")).snapshot
    assert {provider.dialect for provider in snapshot.providers.values()} == DIALECTS.keys() - {"compatible"}
    assert "gpt-4o" in snapshot.models


def test_variables_come_from_the_environment_and_secrets_from_files(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("A_HOST", "a.test")
    path = tmp_path / "routing.yaml"
    path.write_text(
        routing_yaml().replace(PROVIDER_KEY, f"'${{file:{tmp_path}/key}}'", 1).replace("//a.test", "//${A_HOST}")
    )
    generation = load_generation(str(path))
    assert (generation.number, generation.files) == (1, {f"{tmp_path}/key"})
    assert generation.snapshot.providers["a"].key.value == "from-a-file"
    assert generation.snapshot.models["m"][0].base_url == "https://a.test/v1"


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"\xff", "it is not UTF-8 at byte 0"),
        (None, "no such file or directory"),
    ],
)
def test_an_unreadable_file_is_an_error(content, reason, tmp_path):
    path = tmp_path / "routing.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        read(str(path))
    assert (str(caught.value), caught.value.exit_code) == (f"cannot read {path}: {reason}", 2)


def test_an_oversized_file_is_an_error_and_not_read_to_its_end(tmp_path):
    path = tmp_path / "routing.yaml"
    path.write_text(routing_yaml())
    with open(path, "ab") as file:
        file.truncate(MAX_FILE_BYTES * 2000)  # a sparse file
    with pytest.raises(CommandError, match=f"the file is larger than {MAX_FILE_BYTES} bytes"):
        load_generation(str(path))


def test_an_oversized_key_file_disables_only_its_provider(tmp_path):
    path = tmp_path / "routing.yaml"
    path.write_text(routing_yaml().replace(PROVIDER_KEY, f"'${{file:{tmp_path}/key}}'", 1))
    with open(tmp_path / "key", "ab") as file:
        file.truncate(MAX_FILE_BYTES * 2000)
    providers = load_generation(str(path)).snapshot.providers
    assert providers["a"].disabled_reason == f"cannot read {tmp_path}/key: it is over 65536 bytes"
    assert providers["b"].disabled_reason is None
