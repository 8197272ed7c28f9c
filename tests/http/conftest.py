"""The edge runs on uvloop where there is one, and on asyncio elsewhere: its tests run on both."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

BOTH = {
    "test_connection.py",
    "test_downloads.py",
    "test_upload_reader.py",
    "test_loop_turns.py",
    "test_listener.py",
    "test_send_queue.py",
    "test_tls_acceptor.py",
    "test_tls_connection.py",
    "test_request_reader.py",
    "test_sockets.py",
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in BOTH:
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
