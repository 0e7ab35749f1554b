"""`parrot serve` in a child process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

from tests.exhaustion import resource
from tests.source import ROOT

ASK = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


class ServeProcess:
    """`parrot serve` in a child process."""

    def __init__(self, path, *options, limit=None, form="json", environ=None):
        argv = [sys.executable, "-W", "error", "-m", "proxy", "serve", "-c", path, *(options or ["--sandbox"])]
        argv += ["--port", "0", "--admin-port", "0", "--log-format", form]
        # In the child, between fork and exec: how many descriptors it may open, (soft, hard).
        lower = limit and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environ = {**os.environ, **(environ or {})}
        self.process = subprocess.Popen(argv, cwd=ROOT, env=environ, preexec_fn=lower, **pipes)
        banner = [self.process.stdout.readline()]
        while "curl" not in banner[-1] or "chat/completions" not in banner[-1]:
            assert banner[-1], self.process.communicate()[1]  # it has ended
            banner.append(self.process.stdout.readline())
        urls = re.findall(r"http://[^/, ]+", "".join(banner))
        self.url, _dashboard, self.admin, self.control = urls[:4]  # the last one is of use only with a sandbox

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def send(self, number):
        self.process.send_signal(number)

    def request(self, url, path, body=None, method=None):
        """Send a request; return the response, whose body may still be arriving."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return urlopen(UrlRequest(url + path, data, headers, method=method or ("POST" if data else "GET")), timeout=20)

    def fail(self, **fault):
        self.request(self.control, "/providers/a", fault, "PUT").close()

    def start_stream(self):
        """Start a stream and read its first content."""
        stream = self.request(self.url, "/v1/chat/completions", {**ASK, "stream": True})
        assert b'"content"' in stream.readline()
        return stream

    def wait_until_draining(self):
        while True:
            try:
                self.request(self.admin, "/readyz").close()
            except HTTPError as error:
                with error:
                    assert (error.code, json.load(error)["status"]) == (503, "draining")
                return

    def next_log_line(self):
        return json.loads(self.process.stderr.readline())

    def wait(self):
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, [json.loads(line)["event"] for line in errors.splitlines()]
