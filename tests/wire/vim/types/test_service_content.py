"""What is announced: names, ids and versions, as a vCenter has them."""

import pytest

from sessiongate.wire.vim.types import Data, MoRef
from sessiongate.wire.vim.types.service_content import MEMBERS, service_content

ABOUT = Data("AboutInfo", {"apiVersion": "8.0.3.0"})


@pytest.mark.parametrize(
    ("name", "kind", "identity", "since"),
    [
        ("searchIndex", "SearchIndex", "SearchIndex", (2, 0)),
        ("perfManager", "PerformanceManager", "PerfMgr", (2, 0)),
        ("viewManager", "ViewManager", "ViewManager", (2, 5)),
        ("virtualDiskManager", "VirtualDiskManager", "virtualDiskManager", (2, 5)),
        ("serviceManager", "ServiceManager", "ServiceMgr", (5, 1)),
        ("cryptoManager", "CryptoManagerKmip", "CryptoManager", (6, 5)),
        ("storageQueryManager", "StorageQueryManager", "StorageQueryManager", (6, 7, 2)),
    ],
)
def test_a_member_has_its_vcenters_id(
    name: str, kind: str, identity: str, since: tuple[int, ...]
) -> None:
    [member] = [one for one in MEMBERS if one.name == name]
    assert (member.target, member.since) == (MoRef(kind, identity), since)


def test_a_client_gets_what_both_know() -> None:
    def names(version: tuple[int, ...], about: Data = ABOUT) -> list[str]:
        return list(service_content(about, version).members)

    assert names((9, 9)) == [one.name for one in MEMBERS]
    assert "storageResourceManager" not in names((4, 0))
    assert "storageResourceManager" in names((4, 1))
    older = Data("AboutInfo", {"apiVersion": "6.7.1"})
    assert "storageQueryManager" not in names((8, 0), older)
    assert service_content(ABOUT, (4, 0)).members["about"] is ABOUT
