"""What every store promises about the message to everyone."""

from sessiongate.store.port import NoticeStore
from sessiongate.testing.stores.contract import Contract


class NoticeContract(Contract):
    """What every store promises about the message."""

    async def test_there_is_no_message_at_first(self) -> None:
        async with self.opened() as store:
            assert await message_of(store) == ""

    async def test_the_last_message_stays(self) -> None:
        async with self.opened() as store:
            await store.set_message("Maintenance at noon")
            await store.set_message("Maintenance at one – „bald“")
            assert await message_of(store) == "Maintenance at one – „bald“"
            async with self.reopened(store) as (second, _):
                if second is not None:
                    assert await message_of(second) == "Maintenance at one – „bald“"
                    await second.set_message("")
                    assert await message_of(second) == ""


async def message_of(store: NoticeStore) -> str:
    """The message."""
    return await store.message()
