"""Which addresses are one caller."""

import pytest

from sessiongate.networks import network_of, wider_network_of


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
