"""Many transfers at once that break anywhere: nothing is mixed, and nothing is left behind."""

import asyncio
import re
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.gateway.files import RULES, Stand, stand
from tests.http.streaming import leave
from tests.until import until

pytestmark = pytest.mark.slow

PEOPLE = ("ada", "bob", "eve")
SIZES = (0, 1, 100, 5_000, 70_000, 300_000, 2_000_000)
PIECES = (1, 100, 4_096, 65_536, 500_000)
AT_ONCE = 20
ALL = 400


class Life:
    """One client: sends a file of its own, gets it twice, and may leave at any moment."""

    def __init__(self, stood: Stand, chance: Random, who: str, number: int) -> None:
        self.stood = stood
        self.chance = chance
        self.who = who
        self.path = f"/folder/{number}"
        self.data = chance.randbytes(100) * (chance.choice(SIZES) // 100)

    async def live(self) -> str:
        reader, writer = await self.stood.peer()
        try:
            if not await self.send(writer):
                return "left"
            if await self.status(reader) != 201:
                return "refused"
            await reader.readexactly(len(b"made"))
            assert self.stood.server.files[self.path] == self.data
            for _ in range(2):
                if not await self.get(reader, writer):
                    return "left"
        except (ConnectionError, asyncio.IncompleteReadError):
            return "broken"
        finally:
            writer.close()
            self.stood.server.files.pop(self.path, None)
        return "whole"

    def head(self, method: str, *more: str) -> bytes:
        first = (f"{method} {self.path} HTTP/1.1", "Host: vc1.gate", self.who)
        return "\r\n".join((*first, *more, "", "")).encode()

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        chance, size = self.chance, len(self.data)
        chunked = chance.random() < 0.5
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        writer.write(self.head("PUT", framing))
        leaves_at = chance.randrange(size + 1) if chance.random() < 0.25 else size + 1
        at = 0
        while at < size:
            piece = self.data[at : at + chance.choice(PIECES)]
            at += len(piece)
            if at > leaves_at:
                chance.choice((leave, asyncio.StreamWriter.close))(writer)
                return False
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chance.random() < 0.3:
                await writer.drain()
            if chance.random() < 0.005:
                self.stood.break_upstream()
        writer.write(b"0\r\n\r\n" if chunked else b"")
        return True

    async def status(self, reader: asyncio.StreamReader) -> int:
        self.answer = await reader.readuntil(b"\r\n\r\n")
        return int(self.answer.split(b" ")[1])

    async def get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(self.head("GET"))
        if await self.status(reader) != 200:
            return False
        length = re.search(rb"Content-Length: ([0-9]+)", self.answer)
        assert length is not None
        assert int(length[1]) == len(self.data)
        if self.chance.random() < 0.2:
            await reader.readexactly(self.chance.randrange(len(self.data) + 1))
            leave(writer)
            return False
        assert await reader.readexactly(len(self.data)) == self.data
        return True


@pytest.mark.parametrize("seed", [1, 2])
async def test_sec_60_transfers_that_break_anywhere_mix_nothing(seed: int, tmp_path: Path) -> None:
    chance, outcomes = Random(seed), Counter[str]()
    rules = msgspec.structs.replace(RULES, transfers=64)
    async with stand(tmp_path, rules=rules) as stood:
        people = [await stood.login(name) for name in PEOPLE]
        numbers = iter(range(ALL))

        async def lives() -> None:
            for number in numbers:
                outcomes[await Life(stood, chance, chance.choice(people), number).live()] += 1

        await asyncio.gather(*(lives() for _ in range(AT_ONCE)))
        await until(lambda: stood.at_rest)
    assert outcomes["whole"] > ALL // 10
    assert outcomes["left"] > ALL // 10
    assert outcomes.total() == ALL
