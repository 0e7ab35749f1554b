"""Parses the head of a request as the listeners do."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from proxy.downstream.parse_errors import PARSER_LIMITS


def parse(data: bytes) -> RawRequestMessage | BaseException:
    """Return the first request in these bytes, or the parser's exception."""

    async def serve(request: Any) -> Any:
        """Not called."""

    loop = asyncio.new_event_loop()
    try:
        protocol: Any = RequestHandler(web.Server(serve, loop=loop), loop=loop, **PARSER_LIMITS)
        protocol.data_received(data)
        message, _ = protocol._messages[0]
        return message if isinstance(message, RawRequestMessage) else message.exc
    finally:
        loop.close()


def parse_head(method: str, target: str, *lines: str, version: str = "1.1") -> RawRequestMessage:
    """Return a request that the parser accepts."""
    head = "\r\n".join([f"{method} {target} HTTP/{version}", "Host: own.test", *lines]) + "\r\n\r\n"
    message = parse(head.encode())
    assert isinstance(message, RawRequestMessage), message
    return message
