"""What of an upstream's table is told as a doubt."""

from typing import Any

from sessiongate.config.load import load
from sessiongate.config.upstream_doubts import upstream_doubts
from tests.each import each

CALLERS = {
    "upstream.vc1.type": "vcenter",
    "upstream.vc1.url": "https://vc.example",
    "identity.vc.type": "vcenter",
    "identity.vc.upstream": "vc1",
    "dialects.vsphere.default": "vc",
    "identity.local.type": "file",
}


def doubts(settings: dict[str, Any] | None = None, **more: object) -> list[tuple[str, bool]]:
    own = {f"upstream.vc1.{name}": value for name, value in more.items()}
    config = load(None, {}, {**CALLERS, **own, **(settings or {})})
    found = list(upstream_doubts(config))
    assert {about for about, _, _ in found} <= {"upstream.vc1"}
    return [(says, serious) for _, says, serious in found]


def test_ordinary_tables_raise_none() -> None:
    assert doubts() == []
    domains = {"dialects.vsphere.default": "local", "identity.vc.domains": ["vsphere.local"]}
    assert doubts(domains) == []


POOLS: list[tuple[dict[str, Any], str]] = [
    ({"size": 551}, "550 sessions of one account"),
    ({"size": 3001, "pool.calls": 1, "pool.calls_each": 1}, "more than 3000 sessions"),
    ({"size": 41}, "656 calls through at once"),
    ({"pool.waits": 2049}, "2048 connections"),
    ({"pool.keep_alive": "30m"}, "for 30 minutes"),
    ({"pool.keep_alive": "29m", "pool.max_age": "20m"}, "as long as pool.max_age"),
    ({"pool.waits": 10}, "pool.waits_each is above pool.waits"),
    ({"pool.calls": 4}, "calls have 4 places"),
]


@each("case", POOLS, str)
def test_pools_that_a_vcenter_does_not_go_with(case: tuple[dict[str, Any], str]) -> None:
    settings, said = case
    found = doubts(**settings)
    assert any(said in says for says, _ in found), found
    assert not any(serious for _, serious in found)


def test_calls_of_one_client_go_by_all_sessions_that_are_shared() -> None:
    shared: dict[str, Any] = {"pool.calls": 4, "mode": "shared"}
    assert doubts(**shared) == []


def test_a_public_name_that_means_no_upstream() -> None:
    names = {"server.public_names": ["vc1.gate.example", "gate.example", "*.gate.example"]}
    hosts = {"upstream.vc1.hosts": ["vc1.gate.example:9669"]}
    config = load(None, {}, {**CALLERS, **names, **hosts})
    ((about, says, serious),) = upstream_doubts(config)
    assert (about, serious) == ("server.public_names", False)
    assert says.startswith("gate.example is in no upstream.NAME.hosts")
    assert list(upstream_doubts(load(None, {}, {**CALLERS, **names}))) == []


def test_an_upstream_that_nobody_can_use() -> None:
    nobody = {"identity.vc.upstream": "vc2", "upstream.vc2.type": "vcenter"}
    more = {
        **nobody,
        "upstream.vc2.url": "https://vc2.example",
        "upstream.vc2.hosts": ["vc2.example"],
    }
    ((says, serious),) = doubts(more)
    assert 'no identity table has upstream = "vc1"' in says
    assert serious
    ((says, serious),) = doubts({"dialects.vsphere.default": "local"})
    assert says.startswith("identity.vc has no domains and is not dialects.vsphere.default")
    assert serious


@each("url", ["https://127.0.0.1:9669", "https://gw.example:9669", "http://localhost:9669"])
def test_an_upstream_that_is_this_server(url: str) -> None:
    settings = {"server.public_names": ["gw.example"], "upstream.vc1.verify": False}
    ((says, serious),) = doubts(settings, url=url)
    assert "this server itself" in says
    assert serious
    assert doubts(settings, url="https://127.0.0.1:9668") == []


def test_a_host_of_the_upstream_is_this_server_too() -> None:
    found = doubts({"server.listen": ["0.0.0.0:443"]}, hosts=["vc.example"])
    assert [serious for _, serious in found] == [True]


def test_roles_that_are_said_twice() -> None:
    service = {
        "upstream.vc1.account": "service",
        "upstream.vc1.username": "svc",
        "upstream.vc1.password": "p",
        "upstream.vc1.roles": ["operator", "user"],
        "upstream.vc1.read_roles": ["user"],
        "identity.vc.type": "file",
    }
    settings: dict[str, object] = {**CALLERS, **service}
    del settings["identity.vc.upstream"]
    found = list(upstream_doubts(load(None, {}, settings)))
    assert found == [
        ("upstream.vc1", "user: in roles and in read_roles, which is as if in roles alone", False)
    ]


ZVM = {
    "upstream.vc1.type": "zvm",
    "identity.vc.type": "zvm",
    "dialects.vsphere.default": "local",
}


def test_logins_of_zerto_decide_whether_anybody_can_use_a_zvm() -> None:
    ((says, serious),) = doubts(ZVM)
    assert (says.partition(" ")[0], serious) == ("identity.vc", True)
    assert "dialects.zerto.windows" in says
    for place in ("zerto.windows", "zerto.hypervisor", "appliance.provider"):
        assert doubts({**ZVM, f"dialects.{place}": "vc"}) == [], place
    assert doubts({**ZVM, "dialects.zerto.windows": "vc"}, size=600) == []
