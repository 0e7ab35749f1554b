"""Reads files with a time and a size limit, on a thread of their own: any path may block or be endless."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from proxy.config.document import MAX_FILE_BYTES

MAX_VALUE_BYTES = 64 * 1024
"""For a file named by `${file:…}`."""
VALUE_TIMEOUT_S = 2.0
TEXT_TIMEOUT_S = 10.0
"""For routing.yaml: longer, because a pipe (`-c /dev/stdin`) is as slow as the command that writes to it."""

_FILE_TYPES = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_blocked_threads: dict[str, Thread] = {}
"""Path -> the thread still blocked on it, so that a hanging file costs one thread in all."""

T = TypeVar("T")


def read_text(path: str) -> str:
    """Read routing.yaml, or at most as much as shows that it is too large. Raises OSError and UnicodeDecodeError."""
    data = call_with_timeout(TEXT_TIMEOUT_S, path, lambda: _read(path, MAX_FILE_BYTES + 1))
    return data.decode("utf-8", "replace" if len(data) > MAX_FILE_BYTES else "strict")


def read_value(path: str) -> str:
    """Read a file named by `${file:…}` and strip white space.

    Raises OSError, with a readable `strerror`, unless it is a small regular file in UTF-8.
    """
    try:
        data = call_with_timeout(VALUE_TIMEOUT_S, path, lambda: _read_regular(path))
    except ValueError:
        raise OSError(errno.EINVAL, "it is not a valid path", path) from None
    if len(data) > MAX_VALUE_BYTES:
        raise OSError(errno.EFBIG, f"it is over {MAX_VALUE_BYTES} bytes", path)
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"it is not UTF-8 at byte {error.start}", path) from None


def check_regular(path: str) -> None:
    """Raise OSError, with a readable `strerror`, unless the path is a regular file."""
    call_with_timeout(VALUE_TIMEOUT_S, path, lambda: _check_is_regular(os.stat(path).st_mode, path))


def call_with_timeout(timeout_s: float, path: str, call: Callable[[], T]) -> T:
    """Return the result of `call`, which may block on `path`. Raises OSError (ETIMEDOUT) after `timeout_s`.

    The call runs on a daemon thread, which does not keep the process from exiting.
    """
    timeout = OSError(errno.ETIMEDOUT, f"it could not be read within {timeout_s:g} s", path)
    if path in _blocked_threads and _blocked_threads[path].is_alive():
        raise timeout
    results: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:  # noqa: BLE001 (re-raised in the caller's thread)
            results.put((None, error))

    thread = Thread(target=run, name=f"read {path}", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, "no thread could be started to read it", path) from None
    try:
        result, error = results.get(timeout=timeout_s)
    except Empty:
        _blocked_threads[path] = thread
        raise timeout from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _read(path: str, limit: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return _read_up_to(limit, file.read)


def _read_regular(path: str) -> bytes:
    """Read at most `MAX_VALUE_BYTES` + 1. Other files than regular ones are not opened: opening may block."""
    _check_is_regular(os.stat(path).st_mode, path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        _check_is_regular(os.fstat(descriptor).st_mode, path)  # the path may have changed since
        return _read_up_to(MAX_VALUE_BYTES + 1, lambda size: os.read(descriptor, size))
    finally:
        os.close(descriptor)


def _check_is_regular(mode: int, path: str) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {_FILE_TYPES.get(stat.S_IFMT(mode), 'special')}, not a regular file", path)


def _read_up_to(limit: int, read: Callable[[int], bytes | None]) -> bytes:
    parts, size = [], 0
    while size < limit and (part := read(limit - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
