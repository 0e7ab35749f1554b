"""A changed file takes effect however it is saved; an invalid one changes nothing and is logged."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy import reload
from proxy.config.document import MAX_FILE_BYTES
from proxy.config.files import read_text, read_value
from proxy.generation import Generation, GenerationFactory
from proxy.pipeline import PipelineTerminals
from proxy.reload import Reloader, ReloadOutcome, fingerprint
from proxy.upstream.call import make_start_call
from tests.fakes import Clock, MemoryLog
from tests.running import no_sleep
from tests.volume import MountedVolume

ONE = """pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {dialect: openai, base_url: "http://a.test/v1", weight: 1}
models:
  m: {a: x}
"""
TWO = ONE.replace("weight: 1", "weight: 2")
KEYED = ONE.replace("weight: 1", "api_key: '${file:KEY}'")


class ReloadedFile:
    """A routing.yaml with its reloader, the generations it activated and its log."""

    def __init__(self, path: Path, text: str = ONE) -> None:
        if not path.exists():
            path.write_text(text)
        os.utime(path, (1, 1))  # a write within one tick of the file system's clock has the same time
        self.path = path
        self.log = MemoryLog()
        self.clock = Clock()
        self.activated: list[Generation] = []
        first = self.build(read_text(str(path)), 1)
        self.reloader = Reloader(str(path), self.build, first, self.activated.append, self.log.logger, self.clock)

    def build(self, text: str, number: int) -> Generation:
        return GenerationFactory({}, read_value, PipelineTerminals(make_start_call, {})).build(
            text, "routing.yaml", number
        )

    async def poll(self) -> int:
        """Poll once and return the number of the active generation."""
        await self.reloader.poll(no_sleep)
        return self.reloader.current.number

    @property
    def key(self) -> str:
        return self.reloader.current.snapshot.providers["a"].key.value

    @property
    def disabled(self) -> str | None:
        return self.reloader.current.snapshot.providers["a"].disabled_reason

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.log.lines]


@pytest.fixture
def file(tmp_path: Path) -> ReloadedFile:
    return ReloadedFile(tmp_path / "routing.yaml")


def rename(path: Path, text: str) -> None:
    (path.parent / "new").write_text(text)
    os.replace(path.parent / "new", path)


def rename_with_same_time(path: Path, text: str) -> None:
    """Replace the file by one with the same modification time and size."""
    before = path.stat()
    (path.parent / "new").write_text(text)
    os.utime(path.parent / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(path.parent / "new", path)
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


def move_and_create(path: Path, text: str) -> None:
    path.rename(path.parent / "backup")
    path.write_text(text)


@pytest.mark.parametrize("save", [Path.write_text, rename, rename_with_same_time, move_and_create])
async def test_a_change_is_found_by_one_poll_however_it_is_saved(save: Callable[..., None], file: ReloadedFile) -> None:
    save(file.path, TWO)
    assert await file.poll() == 2
    assert file.activated == [file.reloader.current]
    assert file.log.lines[0]["changes"] == ["providers.a.weight: 1 -> 2"]
    assert await file.poll() == 2 and file.events == ["config_reloaded"]


async def test_a_config_map_update_is_found_by_one_poll(tmp_path: Path) -> None:
    volume = MountedVolume(tmp_path / "config", {"routing.yaml": ONE})
    file = ReloadedFile(volume.folder / "routing.yaml")
    assert await file.poll() == 1
    volume.update({"routing.yaml": TWO})
    assert await file.poll() == 2
    assert file.reloader.last == ReloadOutcome(2, file.reloader.current.digest, ("providers.a.weight: 1 -> 2",))


async def test_a_missing_file_is_no_change_yet(file: ReloadedFile) -> None:
    file.path.rename(file.path.with_suffix(".bak"))
    assert await file.poll() == 1
    assert file.events == [] and file.reloader.last.is_successful
    file.path.with_suffix(".bak").rename(file.path)
    assert await file.poll() == 1 and file.events == []


async def test_a_file_still_being_written_is_not_loaded(file: ReloadedFile) -> None:
    async def meanwhile(_: float) -> None:
        file.path.write_text(TWO)

    file.path.write_text(TWO[:100])
    await file.reloader.poll(meanwhile)
    assert file.reloader.current.number == 1 and file.events == []
    assert await file.poll() == 2


BROKEN = [
    ("", "routing.yaml:1:1: the file is empty"),
    ("a: [", "routing.yaml:2:1: invalid YAML: "),
    (ONE[ONE.index("models") :], "routing.yaml:1:1: providers: is missing"),
    (ONE.replace("weight: 1", "wieght: 1"), "routing.yaml:3:54: providers.a.wieght: unknown key; did you mean 'weight'?"),
    ("#" * (MAX_FILE_BYTES + 1), f"routing.yaml:1:1: the file is larger than {MAX_FILE_BYTES} bytes"),
    (b"\xff", "can't decode byte 0xff in position 0"),
]  # fmt: skip


@pytest.mark.parametrize("content, message", BROKEN)
async def test_an_invalid_file_changes_nothing_and_is_logged(
    content: str | bytes, message: str, file: ReloadedFile
) -> None:
    before = file.reloader.current
    file.path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert await file.poll() == 1
    assert file.reloader.current is before and file.activated == []
    (line,) = file.log.lines
    assert (line["event"], line["level"], line["active_generation"]) == ("config_reload_failed", "error", 1)
    assert message in line["problems"][0]
    assert file.reloader.last.as_json() == {"generation": 1, "hash": before.digest, "problems": line["problems"]}
    await file.poll()
    assert len(file.log.lines) == 1  # logged once


@pytest.mark.parametrize("fixed, number, event", [(ONE, 1, "config_recovered"), (TWO, 2, "config_reloaded")])
async def test_a_fixed_file_recovers(fixed: str, number: int, event: str, file: ReloadedFile) -> None:
    file.path.write_text("providers: [")
    await file.poll()
    assert not file.reloader.last.is_successful
    file.path.write_text(fixed)
    assert await file.poll() == number
    assert file.reloader.last.is_successful and file.events == ["config_reload_failed", event]
    assert file.reloader.counts == Counter(rejected=1, applied=number - 1)


async def test_a_new_modification_time_alone_reloads_nothing(file: ReloadedFile) -> None:
    os.utime(file.path, ns=(1, 1))
    assert await file.poll() == 1
    assert file.activated == [] and file.events == []


async def test_a_comment_is_a_new_generation_without_changed_settings(file: ReloadedFile) -> None:
    file.path.write_text(ONE + "# a comment\n")
    assert await file.poll() == 2
    assert file.reloader.last.changes == ("no setting changed (comment or key file)",)


@pytest.mark.parametrize("line, section", [("listen: {port: 1}", "listen added"), ("admin: {port: 1}", "admin added")])
async def test_a_change_that_needs_a_restart_is_marked(line: str, section: str, file: ReloadedFile) -> None:
    file.path.write_text(ONE + line + "\n")
    await file.poll()
    assert file.reloader.last.changes == (f"{section} (needs a restart)",)


async def test_an_explicit_reload_needs_no_change_and_no_debounce(file: ReloadedFile) -> None:
    assert (await file.reloader.reload()).as_json()["changes"] == []
    file.path.write_text(TWO)
    outcome = await file.reloader.reload()
    assert (outcome.generation, outcome.changes) == (2, ("providers.a.weight: 1 -> 2",))
    assert await file.poll() == 2 and file.events == ["config_reloaded"]  # the next poll does nothing


async def test_a_failed_explicit_reload_is_logged_once(file: ReloadedFile) -> None:
    file.path.write_text("")
    assert not (await file.reloader.reload()).is_successful
    await file.poll()
    assert file.events == ["config_reload_failed"]


async def test_a_missing_file_recovers_when_it_is_back(file: ReloadedFile) -> None:
    file.path.rename(file.path.with_suffix(".bak"))
    outcome = await file.reloader.reload()
    assert "No such file" in outcome.problems[0]
    assert await file.poll() == 1 and not file.reloader.last.is_successful
    file.path.with_suffix(".bak").rename(file.path)
    assert await file.poll() == 1 and file.reloader.last.is_successful


async def test_a_cancelled_reload_is_made_by_the_next_poll(file: ReloadedFile) -> None:
    file.path.write_text(TWO)
    reloading = asyncio.create_task(file.reloader.reload())
    await asyncio.sleep(0)
    reloading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reloading
    assert await file.poll() == 2


async def test_the_watcher_polls_once_a_second(file: ReloadedFile) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            file.path.write_text(TWO)
        if len(slept) == 5:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await file.reloader.watch(sleep)
    assert slept == [1.0, 1.0, 0.2, 1.0, 1.0] and file.reloader.current.number == 2


# Key files


@pytest.fixture
def keyed(tmp_path: Path) -> ReloadedFile:
    (tmp_path / "key").write_text("old\n")
    os.utime(tmp_path / "key", (1, 1))
    return ReloadedFile(tmp_path / "routing.yaml", KEYED.replace("KEY", str(tmp_path / "key")))


@pytest.mark.parametrize("save", [Path.write_text, rename, rename_with_same_time])
async def test_a_key_file_that_changes_is_read_again(
    save: Callable[..., None], keyed: ReloadedFile, tmp_path: Path
) -> None:
    assert keyed.key == "old"
    save(tmp_path / "key", "new\n")
    assert await keyed.poll() == 2
    assert keyed.key == "new"
    assert keyed.reloader.last.changes == ("no setting changed (comment or key file)",)
    assert "new" not in keyed.log.text and "old" not in keyed.log.text


async def test_an_update_of_a_kubernetes_secret_is_found(tmp_path: Path) -> None:
    volume = MountedVolume(tmp_path / "secret", {"key": "old"})
    file = ReloadedFile(tmp_path / "routing.yaml", KEYED.replace("KEY", str(volume.folder / "key")))
    volume.update({"key": "new"})
    assert await file.poll() == 2 and file.key == "new"


@pytest.mark.parametrize("content", ["two words", "a\nb"])
async def test_an_invalid_key_file_keeps_the_old_key(content: str, keyed: ReloadedFile, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    assert await keyed.poll() == 1 and keyed.key == "old"
    assert "providers.a.api_key: the secret contains a space" in keyed.reloader.last.problems[0]
    (tmp_path / "key").write_text("new")
    assert await keyed.poll() == 2 and keyed.key == "new"


@pytest.mark.parametrize("content", ["", " \n\t"])
async def test_an_empty_key_file_disables_the_provider_until_it_has_a_key(
    content: str, keyed: ReloadedFile, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(content)
    assert await keyed.poll() == 2
    assert keyed.disabled == f"${{file:{tmp_path / 'key'}}} is empty"
    (tmp_path / "key").write_text("  new\r\n")
    assert await keyed.poll() == 3 and (keyed.key, keyed.disabled) == ("new", None)


async def test_a_missing_key_file_does_not_hide_a_change_of_the_file(keyed: ReloadedFile, tmp_path: Path) -> None:
    (tmp_path / "key").unlink()
    assert await keyed.poll() == 1 and keyed.events == []
    keyed.path.write_text(TWO)
    assert await keyed.poll() == 2 and keyed.events == ["config_reloaded"]


async def test_a_key_file_created_later_enables_the_provider(file: ReloadedFile, tmp_path: Path) -> None:
    file.path.write_text(KEYED.replace("KEY", str(tmp_path / "key")))
    assert await file.poll() == 2
    assert file.disabled == f"cannot read {tmp_path / 'key'}: No such file or directory"
    (tmp_path / "key").write_text("")
    assert await file.poll() == 3 and file.disabled == f"${{file:{tmp_path / 'key'}}} is empty"
    (tmp_path / "key").write_text("new")
    assert await file.poll() == 4 and (file.key, file.disabled) == ("new", None)


async def test_a_hanging_file_system_is_no_change_and_blocks_nothing(
    file: ReloadedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(reload, "VALUE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(reload, "fingerprint", lambda _: go.wait(60))
    file.path.write_text(TWO)
    assert await file.poll() == 1 and file.events == []
    monkeypatch.undo()
    go.set()
    assert await until_read(file) == 2


async def until_read(file: ReloadedFile) -> int:
    async with asyncio.timeout(10):
        while await file.poll() == 1:
            await asyncio.sleep(0)
    return file.reloader.current.number


@pytest.fixture
def no_debounce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "DEBOUNCE_S", 0)


async def reject_key(file: ReloadedFile) -> None:
    file.reloader.on_auth_failure()
    if file.reloader._poll_task is not None:
        await file.reloader._poll_task


@pytest.mark.usefixtures("no_debounce")
async def test_a_rejected_key_is_read_again_even_if_its_file_is_unchanged(keyed: ReloadedFile, tmp_path: Path) -> None:
    before = (tmp_path / "key").stat()
    (tmp_path / "key").write_text("new\n")
    os.utime(tmp_path / "key", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await keyed.poll() == 1  # unchanged for a poll
    await reject_key(keyed)
    assert keyed.key == "new"


@pytest.mark.usefixtures("no_debounce")
async def test_rejected_keys_cause_one_reload_per_interval(keyed: ReloadedFile) -> None:
    builds: list[int] = []
    build = keyed.reloader.build

    def counted(text: str, number: int) -> Generation:
        builds.append(number)
        return build(text, number)

    keyed.reloader.build = counted
    for seconds in (0.0, 0.0, 4.9, 0.1, 0.0):
        keyed.clock.now += seconds
        await reject_key(keyed)
    assert len(builds) == 2 and keyed.activated == []


async def test_a_rejected_key_without_key_files_reloads_nothing(file: ReloadedFile) -> None:
    file.reloader.on_auth_failure()
    assert file.reloader._poll_task is None


def test_an_invalid_path_has_no_fingerprint() -> None:
    assert fingerprint("a\0b") is None and fingerprint("/no/such/file") is None
