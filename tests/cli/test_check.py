"""`parrot check` lists every problem of a file with its position; the exit code says whether it is valid."""

from __future__ import annotations

import os

import pytest

from proxy.cli import main
from tests.fakes import PROVIDER_KEY, routing_yaml
from tests.source import ROOT


@pytest.fixture
def checked(tmp_path, capsys):
    def check(content):
        path = tmp_path / "routing.yaml"
        path.write_text(content)
        code = main(["check", str(path)])
        output = capsys.readouterr()
        return code, output.out.replace(str(path), "FILE"), output.err.replace(str(path), "FILE")

    return check


def test_a_valid_file_is_summarised(checked):
    code, out, err = checked(routing_yaml().replace("models:", "models:\n  'x-*': {a: '*'}"))
    assert (code, err) == (0, "")
    assert out.startswith("FILE is valid: 3 providers, 1 model, 1 pattern, 3 targets, hash ")


def test_the_shipped_file_is_valid(capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(ROOT)
    assert main(["check"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("routing.yaml is valid: ")
    assert "  openai would be disabled: OPENAI_API_KEY is not set\n" in output


def test_every_problem_is_listed_with_its_position_and_a_suggestion(checked):
    content = (
        routing_yaml(
            "[access_log, header_policy, limits, strategy, sse_passthrough, {failover: {max_retries: 99}}, translat]"
        )
        .replace("dialect: openai", "dialect: opnai", 1)
        .replace("regions", "regoins", 1)
        .replace("{a: m-a", "{d: m-d, a: m-a")
    )
    code, out, err = checked(content + "listen: {port: many}\nlisten: {}\n")
    assert (code, out) == (2, "")
    first, *lines = err.splitlines()
    assert first == "parrot: 7 problems in FILE"
    places = [line.split(": ", 2) for line in lines]
    assert [(place.removeprefix("FILE:").split(":")[0], path) for place, path, _ in places] == [
        ("2", "pipeline[5].failover.max_retries"),
        ("2", "pipeline[6]"),
        ("4", "providers.a.dialect"),
        ("4", "providers.a.regoins"),
        ("8", "models.m.d"),
        ("9", "listen.port"),
        ("10", "listen"),
    ]
    for word in ("did you mean 'translate'?", "did you mean 'openai'?", "did you mean 'regions'?", "at most 10"):
        assert word in err
    assert PROVIDER_KEY not in err


def test_check_rejects_what_serve_would_reject(checked):
    code, _, err = checked(routing_yaml() + "listen: {host: 0.0.0.0}\n")
    assert code == 2
    first, problem = err.splitlines()
    assert first == "parrot: 1 problem in FILE"
    assert problem.startswith("FILE:9:16: listen.host: 0.0.0.0 is reachable from the network but no key is required; ")


@pytest.mark.parametrize("content", ["", "a: [", "- a"])
def test_an_unparsable_file_is_exit_code_2(content, checked):
    assert checked(content)[0] == 2


def test_a_missing_file_is_exit_code_2(capsys):
    assert main(["check", "/no/such/file"]) == 2
    assert capsys.readouterr().err == "parrot: cannot read /no/such/file: no such file or directory\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files there")
def test_a_fifo_does_not_block(checked, capsys, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "key")
    code, out, err = checked(routing_yaml().replace(PROVIDER_KEY, f"'${{file:{tmp_path}/key}}'", 1))
    assert (code, err) == (0, "")
    assert out.endswith(f"  a would be disabled: cannot read {tmp_path}/key: it is a FIFO, not a regular file\n")
    monkeypatch.setattr("proxy.config.files.TEXT_TIMEOUT_S", 0.02)
    assert main(["check", str(tmp_path / "key")]) == 2
    assert capsys.readouterr().err == f"parrot: cannot read {tmp_path}/key: it could not be read within 0.02 s\n"
    os.close(os.open(tmp_path / "key", os.O_WRONLY))  # unblocks the reading thread


def test_a_file_without_any_usable_provider_is_valid_but_says_so(checked, monkeypatch):
    monkeypatch.delenv("PARROT_NO_SUCH_KEY", raising=False)
    code, out, _ = checked(routing_yaml().replace(PROVIDER_KEY, '"${PARROT_NO_SUCH_KEY}"'))
    assert code == 0
    assert out.endswith("\n  no provider would be enabled: every request would fail\n")
