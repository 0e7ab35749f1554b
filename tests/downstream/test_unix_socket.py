"""The file of a unix socket replaces a stale one, never another file or a socket in use, and removes only itself."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.downstream.unix_socket import bind_path

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this platform has no unix sockets")


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        yield made


def text_file(path: Path) -> None:
    path.write_text("content")


def dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("make", [text_file, Path.mkdir, dangling_link])
def test_another_file_is_never_replaced(make: Callable[[Path], None], sock: socket.socket, tmp_path: Path) -> None:
    path = tmp_path / "s"
    make(path)
    with pytest.raises(OSError, match="it exists and is not a socket"):
        bind_path(sock, str(path))
    assert path.is_symlink() or path.exists()


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_the_mode_is_0660_whatever_the_umask(umask: int, sock: socket.socket, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        bind_path(sock, str(tmp_path / "s"))
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660


def test_a_socket_with_a_full_backlog_is_in_use(sock: socket.socket, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.connect(path)
        with pytest.raises(OSError, match="another process is listening on it"):
            bind_path(sock, path)
        assert Path(path).exists()


def test_the_socket_of_a_successor_is_not_removed(sock: socket.socket, tmp_path: Path) -> None:
    path = tmp_path / "s"
    bound = bind_path(sock, str(path))
    path.unlink()
    bound.remove()  # harmless
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(str(path))
        os.utime(path, (1, 1))  # its inode may have the same number
        bound.remove()
        assert path.exists()
