"""Which client goes by which lease, as pages ask it of the pools of this process."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from sessiongate.app.gateway.pools import PoolCommands
from sessiongate.config import load
from sessiongate.gateway.upstream_gateway import UpstreamGateway
from tests.gate import Gate
from tests.gateway.leases.test_pool import Upstream, pool_of


async def test_a_client_is_told_with_the_lease_that_it_is_pinned_to(
    gate: Gate, tmp_path: Path
) -> None:
    pool = pool_of(Upstream(), exclusive=False, size=2, calls=1)
    there = SimpleNamespace(accounts=SimpleNamespace(pools=[pool], parent=None))
    config = load(None, {}, {"server.data_dir": str(tmp_path)})
    gates = {"vc1": cast("UpstreamGateway", there)}
    commands = PoolCommands(config, gates, gate.sessions, gate.journal)
    home = await pool.take("ada", home=True)
    pool.hold("ada", 3)
    pool.give_back("ada", home)
    passing = await pool.take("bob", home=False)
    found = commands.leases_of(["ada", "bob", "eve"])
    assert {key: (one.lease, one.objects, one.calls) for key, one in found.items()} == {
        "ada": (home.id, 3, 0),
        "bob": (passing.id, 0, 1),
    }
    assert [(one.client, one.objects) for one in commands.pins("vc1")] == [("ada", 3), ("bob", 0)]
    pool.give_back("bob", passing)
    assert set(commands.leases_of(["ada", "bob"])) == {"ada"}
    await pool.close()
