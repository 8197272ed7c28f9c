"""What every store promises about sessions, in one suite."""

from sessiongate.testing.stores.caps import CapContract
from sessiongate.testing.stores.endings import EndingContract
from sessiongate.testing.stores.records import RecordContract


class StoreContract(RecordContract, EndingContract, CapContract):
    """What every store promises about sessions."""

    async def test_close_is_idempotent(self) -> None:
        async with self.opened() as store:
            await store.close()
            await store.close()
