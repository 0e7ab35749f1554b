"""A command reads its configuration file, or ends with the reason."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from proxy.cli.command import CommandError
from proxy.cli.file import add_config_argument, load_generation
from proxy.cli.file import read_file as read
from proxy.config.document import MAX_FILE_BYTES
from tests.fakes import PROVIDER_KEY, routing_yaml


def test_the_default_file_is_routing_yaml():
    parser = ArgumentParser()
    add_config_argument(parser)
    assert parser.parse_args([]).config == "routing.yaml"
    assert parser.parse_args(["-c", "x"]).config == parser.parse_args(["--config", "x"]).config == "x"


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
