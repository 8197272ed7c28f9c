"""What the other workers have counted: the first asks them, by control sockets of their own."""

import asyncio
from pathlib import Path

import msgspec

from sessiongate.config import Config
from sessiongate.operations.control_socket import control_address
from sessiongate.telemetry.samples import ProcessCounts

ADDRESS = "/counts"
"""Of a control socket: what its process has counted."""

_PATIENCE = 0.5
"""Seconds. A worker on this machine answers in a millisecond; one that hangs holds nobody up."""

_ASKED = b"GET %b HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n" % ADDRESS.encode()


async def counts_of_others(config: Config) -> dict[int, ProcessCounts]:
    """By their numbers; without those that do not answer."""
    numbers = range(1, config.server.workers)
    told = await asyncio.gather(*(_fetch_counts(config.server.data_dir, one) for one in numbers))
    return {number: counts for number, counts in zip(numbers, told, strict=True) if counts}


async def _fetch_counts(data_dir: Path, worker: int) -> ProcessCounts | None:
    path = control_address(data_dir, worker).removeprefix("unix:")
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(_ASKED)
                said = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return _read(said)


def _read(said: bytes) -> ProcessCounts | None:
    head, _, body = said.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        return None
    try:
        return msgspec.json.decode(body, type=ProcessCounts)
    except msgspec.DecodeError:
        return None
