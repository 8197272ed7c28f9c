"""Which addresses are one caller, and which Hosts are one."""

import pytest

from sessiongate.networks import canonical_host, network_of, wider_network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:/run/sessiongate.sock", "unix:/run/sessiongate.sock"),
        ("", ""),
    ],
)
def test_sec_25_an_address_stands_for_one_host(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::%eth0", "2001:db8:1::/48"),
        ("/run/sessiongate.sock", "/run/sessiongate.sock"),
        ("", ""),
    ],
)
def test_sec_76_a_network_is_what_strangers_share(address: str, network: str) -> None:
    assert wider_network_of(address) == network


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("vc.example", ("vc.example", 0)),
        ("VC.Example.", ("vc.example", 0)),
        ("vc.example:", ("vc.example", 0)),
        (" vc.example.:0443 ", ("vc.example", 443)),
        ("[2001:DB8:0::1]:443", ("[2001:db8::1]", 443)),
        ("[::1].", ("[::1]", 0)),
        ("vc.example:65536", ("vc.example:65536", 0)),
        ("vc.example:1:2", ("vc.example:1:2", 0)),
        ("[vc.example]", ("[vc.example]", 0)),
        ("", ("", 0)),
    ],
)
def test_sec_32_all_spellings_of_a_host_are_one(host: str, canonical: tuple[str, int]) -> None:
    assert canonical_host(host) == canonical
