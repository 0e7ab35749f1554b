"""A change of the file, however it is saved, takes effect; what is wrong changes nothing and is told."""

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
from tests.fakes import Clock, MemoryLog, ScriptedHandler
from tests.running import no_sleep

ONE = """pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {dialect: openai, base_url: "http://a.test/v1", weight: 1}
models:
  m: {a: x}
"""
TWO = ONE.replace("weight: 1", "weight: 2")
KEYED = ONE.replace("weight: 1", "api_key: '${file:KEY}'")


class Kept:
    """A file in force, and everything that a reload of it does."""

    def __init__(self, path: Path, text: str = ONE) -> None:
        if not path.exists():
            path.write_text(text)
        os.utime(path, (1, 1))  # what is written within one tick of the disk's clock would look the same
        self.path = path
        self.log = MemoryLog()
        self.clock = Clock()
        self.put: list[Generation] = []
        first = self.make(read_text(str(path)), 1)
        self.reloader = Reloader(str(path), self.make, first, self.put.append, self.log.logger, self.clock)

    def make(self, text: str, number: int) -> Generation:
        return GenerationFactory({}, read_value, PipelineTerminals(ScriptedHandler([]), {})).build(
            text, "routing.yaml", number
        )

    async def look(self) -> int:
        """The number of the generation in force after one look."""
        await self.reloader.poll(no_sleep)
        return self.reloader.current.number

    @property
    def key(self) -> str:
        return self.reloader.current.snapshot.providers["a"].key.value

    @property
    def disabled(self) -> str | None:
        return self.reloader.current.snapshot.providers["a"].disabled_reason

    @property
    def said(self) -> list[str]:
        return [line["event"] for line in self.log.lines]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "routing.yaml")


def mapped(folder: Path, name: str, text: str) -> Path:
    """A file as Kubernetes mounts it: a link to a link to a folder."""
    (folder / "..2026_a").mkdir(parents=True)
    (folder / "..2026_a" / name).write_text(text)
    (folder / "..data").symlink_to("..2026_a")
    (folder / name).symlink_to(f"..data/{name}")
    return folder / name


def swap(folder: Path, name: str, text: str) -> None:
    """As the kubelet updates it: a new folder, and the link to it replaced by a rename; the old folder goes."""
    (folder / "..2026_b").mkdir()
    (folder / "..2026_b" / name).write_text(text)
    (folder / "..data_tmp").symlink_to("..2026_b")
    os.rename(folder / "..data_tmp", folder / "..data")
    (folder / "..2026_a" / name).unlink()
    (folder / "..2026_a").rmdir()


def rename(path: Path, text: str) -> None:
    (path.parent / "new").write_text(text)
    os.replace(path.parent / "new", path)


def rename_with_same_time(path: Path, text: str) -> None:
    """Another file, but neither its time nor its size tells."""
    before = path.stat()
    (path.parent / "new").write_text(text)
    os.utime(path.parent / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(path.parent / "new", path)
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


def away_and_back(path: Path, text: str) -> None:
    path.rename(path.parent / "backup")
    path.write_text(text)


@pytest.mark.parametrize("save", [Path.write_text, rename, rename_with_same_time, away_and_back])
async def test_a_change_is_picked_up_by_one_look_however_it_is_saved(save: Callable[..., None], kept: Kept) -> None:
    save(kept.path, TWO)
    assert await kept.look() == 2
    assert kept.put == [kept.reloader.current]
    assert kept.log.lines[0]["changes"] == ["providers.a.weight: 1 -> 2"]
    assert await kept.look() == 2 and kept.said == ["config_reloaded"]


async def test_the_swap_of_a_config_map_is_picked_up_by_one_look(tmp_path: Path) -> None:
    kept = Kept(mapped(tmp_path / "config", "routing.yaml", ONE))
    assert await kept.look() == 1
    swap(tmp_path / "config", "routing.yaml", TWO)
    assert await kept.look() == 2
    assert kept.reloader.last == ReloadOutcome(2, kept.reloader.current.digest, ("providers.a.weight: 1 -> 2",))


async def test_a_missing_file_is_no_change_yet(kept: Kept) -> None:
    kept.path.rename(kept.path.with_suffix(".bak"))
    assert await kept.look() == 1
    assert kept.said == [] and kept.reloader.last.is_successful
    kept.path.with_suffix(".bak").rename(kept.path)
    assert await kept.look() == 1 and kept.said == []


async def test_a_file_that_still_changes_is_left_alone(kept: Kept) -> None:
    async def meanwhile(_: float) -> None:
        kept.path.write_text(TWO)

    kept.path.write_text(TWO[:100])
    await kept.reloader.poll(meanwhile)
    assert kept.reloader.current.number == 1 and kept.said == []
    assert await kept.look() == 2


BROKEN = [
    ("", "routing.yaml:1:1: the file is empty"),
    ("a: [", "routing.yaml:2:1: not YAML: "),
    (ONE[: ONE.index("models")], "routing.yaml:1:1: models: is missing"),
    (ONE.replace("weight: 1", "wieght: 1"), "routing.yaml:3:54: providers.a.wieght: unknown key; did you mean 'weight'?"),
    ("#" * (MAX_FILE_BYTES + 1), f"routing.yaml:1:1: the file is over {MAX_FILE_BYTES} bytes"),
    (b"\xff", "can't decode byte 0xff in position 0"),
]  # fmt: skip


@pytest.mark.parametrize("content, said", BROKEN)
async def test_what_is_wrong_changes_nothing_and_is_told(content: str | bytes, said: str, kept: Kept) -> None:
    before = kept.reloader.current
    kept.path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert await kept.look() == 1
    assert kept.reloader.current is before and kept.put == []
    (line,) = kept.log.lines
    assert (line["event"], line["level"], line["active_generation"]) == ("config_reload_failed", "error", 1)
    assert said in line["problems"][0]
    assert kept.reloader.last.as_json() == {"generation": 1, "hash": before.digest, "problems": line["problems"]}
    await kept.look()
    assert len(kept.log.lines) == 1  # once is enough


@pytest.mark.parametrize("fixed, number, event", [(ONE, 1, "config_recovered"), (TWO, 2, "config_reloaded")])
async def test_a_fixed_file_heals(fixed: str, number: int, event: str, kept: Kept) -> None:
    kept.path.write_text("providers: [")
    await kept.look()
    assert not kept.reloader.last.is_successful
    kept.path.write_text(fixed)
    assert await kept.look() == number
    assert kept.reloader.last.is_successful and kept.said == ["config_reload_failed", event]
    assert kept.reloader.counts == Counter(refused=1, applied=number - 1)


async def test_the_same_words_with_a_new_time_reload_nothing(kept: Kept) -> None:
    os.utime(kept.path, ns=(1, 1))
    assert await kept.look() == 1
    assert kept.put == [] and kept.said == []


async def test_a_comment_is_a_generation_without_a_change_of_settings(kept: Kept) -> None:
    kept.path.write_text(ONE + "# a comment\n")
    assert await kept.look() == 2
    assert kept.reloader.last.changes == ("no setting; a comment, or a key file",)


@pytest.mark.parametrize("line, section", [("listen: {port: 1}", "listen added"), ("admin: {port: 1}", "admin added")])
async def test_what_a_running_sidecar_cannot_change_says_so(line: str, section: str, kept: Kept) -> None:
    kept.path.write_text(ONE + line + "\n")
    await kept.look()
    assert kept.reloader.last.changes == (f"{section} (at restart)",)


async def test_a_reload_that_is_asked_for_needs_no_change_and_no_moment(kept: Kept) -> None:
    assert (await kept.reloader.reload()).as_json()["changes"] == []
    kept.path.write_text(TWO)
    outcome = await kept.reloader.reload()
    assert (outcome.generation, outcome.changes) == (2, ("providers.a.weight: 1 -> 2",))
    assert await kept.look() == 2 and kept.said == ["config_reloaded"]  # the next look has nothing to do


async def test_a_refusal_that_was_asked_for_is_not_repeated_by_the_next_look(kept: Kept) -> None:
    kept.path.write_text("")
    assert not (await kept.reloader.reload()).is_successful
    await kept.look()
    assert kept.said == ["config_reload_failed"]


async def test_a_file_that_was_missing_when_asked_for_heals_when_it_is_back(kept: Kept) -> None:
    kept.path.rename(kept.path.with_suffix(".bak"))
    outcome = await kept.reloader.reload()
    assert "No such file" in outcome.problems[0]
    assert await kept.look() == 1 and not kept.reloader.last.is_successful
    kept.path.with_suffix(".bak").rename(kept.path)
    assert await kept.look() == 1 and kept.reloader.last.is_successful


async def test_a_reload_whose_caller_leaves_is_made_by_the_next_look(kept: Kept) -> None:
    kept.path.write_text(TWO)
    asked = asyncio.create_task(kept.reloader.reload())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await kept.look() == 2


async def test_the_watcher_looks_once_a_second_for_ever(kept: Kept) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            kept.path.write_text(TWO)
        if len(slept) == 5:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await kept.reloader.watch(sleep)
    assert slept == [1.0, 1.0, 0.2, 1.0, 1.0] and kept.reloader.current.number == 2


# Key files


@pytest.fixture
def keyed(tmp_path: Path) -> Kept:
    (tmp_path / "key").write_text("old\n")
    os.utime(tmp_path / "key", (1, 1))
    return Kept(tmp_path / "routing.yaml", KEYED.replace("KEY", str(tmp_path / "key")))


@pytest.mark.parametrize("save", [Path.write_text, rename, rename_with_same_time])
async def test_a_key_file_that_changes_is_read_again(save: Callable[..., None], keyed: Kept, tmp_path: Path) -> None:
    assert keyed.key == "old"
    save(tmp_path / "key", "new\n")
    assert await keyed.look() == 2
    assert keyed.key == "new"
    assert keyed.reloader.last.changes == ("no setting; a comment, or a key file",)
    assert "new" not in keyed.log.text and "old" not in keyed.log.text


async def test_the_swap_of_a_secret_is_picked_up(tmp_path: Path) -> None:
    key = mapped(tmp_path / "secret", "key", "old")
    kept = Kept(tmp_path / "routing.yaml", KEYED.replace("KEY", str(key)))
    swap(tmp_path / "secret", "key", "new")
    assert await kept.look() == 2 and kept.key == "new"


@pytest.mark.parametrize("content", ["two words", "a\nb"])
async def test_a_key_file_that_holds_no_key_keeps_the_old_key(content: str, keyed: Kept, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    assert await keyed.look() == 1 and keyed.key == "old"
    assert "providers.a.api_key: the secret has a space" in keyed.reloader.last.problems[0]
    (tmp_path / "key").write_text("new")
    assert await keyed.look() == 2 and keyed.key == "new"


@pytest.mark.parametrize("content", ["", " \n\t"])
async def test_an_emptied_key_file_disables_its_provider_until_it_has_a_key(
    content: str, keyed: Kept, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(content)
    assert await keyed.look() == 2
    assert keyed.disabled == f"${{file:{tmp_path / 'key'}}} is empty"
    (tmp_path / "key").write_text("  new\r\n")
    assert await keyed.look() == 3 and (keyed.key, keyed.disabled) == ("new", None)


async def test_a_key_file_that_is_gone_does_not_hide_a_change_of_the_file(keyed: Kept, tmp_path: Path) -> None:
    (tmp_path / "key").unlink()
    assert await keyed.look() == 1 and keyed.said == []
    keyed.path.write_text(TWO)
    assert await keyed.look() == 2 and keyed.said == ["config_reloaded"]


async def test_a_key_file_that_comes_after_the_file_that_names_it_enables_the_provider(
    kept: Kept, tmp_path: Path
) -> None:
    kept.path.write_text(KEYED.replace("KEY", str(tmp_path / "key")))
    assert await kept.look() == 2
    assert kept.disabled == f"cannot read {tmp_path / 'key'}: No such file or directory"
    (tmp_path / "key").write_text("")
    assert await kept.look() == 3 and kept.disabled == f"${{file:{tmp_path / 'key'}}} is empty"
    (tmp_path / "key").write_text("new")
    assert await kept.look() == 4 and (kept.key, kept.disabled) == ("new", None)


async def test_a_file_system_that_does_not_respond_is_no_change_and_holds_nothing_up(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(reload, "VALUE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(reload, "fingerprint", lambda _: go.wait(60))
    kept.path.write_text(TWO)
    assert await kept.look() == 1 and kept.said == []
    monkeypatch.undo()
    go.set()
    assert await until_read(kept) == 2


async def until_read(kept: Kept) -> int:
    async with asyncio.timeout(10):
        while await kept.look() == 1:
            await asyncio.sleep(0)
    return kept.reloader.current.number


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "DEBOUNCE_S", 0)


async def suspected(kept: Kept) -> None:
    kept.reloader.on_auth_failure()
    if kept.reloader._poll_task is not None:
        await kept.reloader._poll_task


@pytest.mark.usefixtures("unsettled")
async def test_a_refused_key_is_read_again_even_if_its_file_looks_the_same(keyed: Kept, tmp_path: Path) -> None:
    before = (tmp_path / "key").stat()
    (tmp_path / "key").write_text("new\n")
    os.utime(tmp_path / "key", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await keyed.look() == 1  # nothing to see
    await suspected(keyed)
    assert keyed.key == "new"


@pytest.mark.usefixtures("unsettled")
async def test_many_refused_keys_are_one_look_every_few_seconds(keyed: Kept) -> None:
    looks: list[int] = []
    make = keyed.reloader.build

    def counted(text: str, number: int) -> Generation:
        looks.append(number)
        return make(text, number)

    keyed.reloader.build = counted
    for seconds in (0.0, 0.0, 4.9, 0.1, 0.0):
        keyed.clock.now += seconds
        await suspected(keyed)
    assert len(looks) == 2 and keyed.put == []


async def test_without_key_files_a_refused_key_is_no_reason_to_look(kept: Kept) -> None:
    kept.reloader.on_auth_failure()
    assert kept.reloader._poll_task is None


def test_a_path_that_no_file_can_have_has_no_stamp() -> None:
    assert fingerprint("a\0b") is None and fingerprint("/no/such/file") is None
