"""Which addresses in replies lead to the gateway, and which stay."""

from sessiongate.wire.file_addresses import led_here
from tests.each import each

OURS = "https://gate.example:9669"
HERE = {
    "https://vc1.example/nfc/52d2/disk-0.vmdk": "/nfc/52d2/disk-0.vmdk",
    "https://VC1.example:443/guestFile?id=1&amp;token=2": "/guestFile?id=1&amp;token=2",
    "https://*/nfc/52d2/disk-0.vmdk": "/nfc/52d2/disk-0.vmdk",
    "https://*:443/guestFile?id=1": "/guestFile?id=1",
    "https://vc1.example:443/cls/data/a-b/c": "/cls/data/a-b/c",
}
ELSEWHERE = (
    "https://esx7.example/nfc/52d2/disk-0.vmdk",
    "https://vc1.example.evil/nfc/a",
    "https://evil-vc1.example/nfc/a",
    "https://vc1.example@evil.example/nfc/a",
    "https://vc1.example:8443/nfc/a",
    "http://vc1.example/nfc/a",
    "https://vc1.example/sdk",
    "https://vc1.example/nfcx/a",
    "https://vc1xexample/nfc/a",
    "/nfc/a",
)


@each("address", HERE)
def test_files_of_the_upstream_are_ours_to_send_on(address: str) -> None:
    for body in (f"<url>{address}</url>", f'{{"url": "{address}", "a": "{address}"}}'):
        said = led_here(body.encode(), "https://vc1.example", OURS)
        assert said.decode() == body.replace(address, OURS + HERE[address])


@each("address", ELSEWHERE)
def test_other_addresses_stay(address: str) -> None:
    body = f"<url>{address}</url>".encode()
    assert led_here(body, "https://vc1.example", OURS) == body


def test_an_upstream_may_have_a_port_or_an_address_of_its_own() -> None:
    for theirs in ("https://vc1.example:8443", "https://[2001:db8::1]:8443", "http://[::1]"):
        assert led_here(f"{theirs}/nfc/a".encode(), theirs, OURS) == f"{OURS}/nfc/a".encode()
    body = b"https://vc1.example/nfc/a"
    assert led_here(body, "https://vc1.example:8443", OURS) == body


def test_where_nobody_knows_how_we_are_called_nothing_changes() -> None:
    body = b"https://vc1.example/nfc/a"
    assert led_here(body, "https://vc1.example", "") == body
