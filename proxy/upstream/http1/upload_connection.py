"""A connection to a provider that can send the body of a request while it still arrives from the caller."""

from __future__ import annotations

from math import inf
from typing import Any

from proxy.socket_state import unsent_bytes
from proxy.upload import Upload
from proxy.upstream.http1.connection import Connection


class UploadConnection(Connection):
    """Sends uploads. Implements `upload.UploadSink`. Everything else is as `Connection` does it."""

    __slots__ = ("_response_timeout_s", "_upload")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._upload: Upload | None = None
        self._response_timeout_s = inf

    def send_upload(self, upload: Upload) -> None:
        """Send this body after the head that `send_request` has just sent. Until its end the response has no deadline."""
        self._upload, self._upload_cut = upload, True
        self._response_timeout_s, self._deadline = self._deadline - self._loop.time(), inf
        upload.connect(self)
        self._watch()

    def resume_writing(self) -> None:
        """Send more of the request body."""
        super().resume_writing()
        if self._upload is not None and self._sink is not None:
            self._unsent_bytes = 0
            self._upload.resume()

    @property
    def is_full(self) -> bool:
        """Whether the provider does not take what was written."""
        return self._write_stalled

    def write_part(self, data: bytes) -> None:
        """Send a part, unless the response is over: then the rest is of no use."""
        upload = self._upload
        if upload is None or self._sink is None:
            return
        self._last_write_at = self._loop.time()
        self._transport.write(data if upload.size is not None else b"%x\r\n%b\r\n" % (len(data), data))
        if self._write_stalled and not self._unsent_bytes:
            self._unsent_bytes = unsent_bytes(self._transport)
            self._write_due = self._last_write_at + self._write_timeout_s
            self._watch()

    def end_upload(self) -> None:
        """End the body. From now on the response has its deadline, unless its receiver has set another one."""
        upload, self._upload = self._upload, None
        if upload is None or self._sink is None:
            return
        self._upload_cut = False
        if upload.size is None:
            self._transport.write(b"0\r\n\r\n")
        if self._deadline == inf == self._idle_timeout_s:
            self.set_timeouts(deadline=self._loop.time() + self._response_timeout_s, idle_timeout_s=inf)
