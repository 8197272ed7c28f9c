"""Tokens, keys and tickets: their form, and that every random bit is in them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.token import (
    GUID_BYTES,
    MANAGER_BYTES,
    TOKEN_BYTES,
    clone_ticket,
    guid,
    hex_token,
    is_manager_token,
    is_of_console,
    is_script_token,
    manager_token,
    person_token,
    script_token,
)

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def test_the_forms_that_clients_know() -> None:
    assert hex_token(bytes(range(20))) == "000102030405060708090a0b0c0d0e0f10111213"
    assert guid(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert clone_ticket(bytes(20), "vc1") == "cst-vc1-" + 40 * "0"


def test_no_token_has_less_than_128_random_bits() -> None:
    assert min(TOKEN_BYTES, GUID_BYTES) * 8 >= 128


@given(st.binary(min_size=TOKEN_BYTES, max_size=64))
def test_every_random_bit_is_in_the_token(random: bytes) -> None:
    """What comes out names exactly the bytes that went in, and nothing beyond them."""
    assert bytes.fromhex(hex_token(random)) == random[:TOKEN_BYTES]
    assert bytes.fromhex(guid(random).replace("-", "")) == random[:GUID_BYTES]
    assert GUID.fullmatch(guid(random))
    assert bytes.fromhex(clone_ticket(random, "a-b").removeprefix("cst-a-b-")) == random[:20]


@pytest.mark.parametrize("make", [hex_token, guid])
def test_tokens_are_lower_case(make: object) -> None:
    assert callable(make)
    assert make(b"\xab" * 20).islower()


def test_tokens_of_the_session_manager_are_found_by_their_beginning() -> None:
    made = manager_token(bytes(range(MANAGER_BYTES + 5)))
    assert made == f"sgm_{bytes(range(MANAGER_BYTES)).hex()}"
    assert is_manager_token(made)
    for other in ("", "sgm_", "sgm_short", f"x{made}", f"{made}\n", "sgm_" + "a" * 31, "a.b.c"):
        assert not is_manager_token(other)
    assert is_manager_token("sgm_" + "aB_-" * 8)
    assert not is_manager_token("sgm_" + "a" * 300)


def test_tokens_of_the_console_are_told_by_their_beginning() -> None:
    person, script = person_token(bytes(range(40))), script_token(bytes(range(40)))
    assert person == f"sgp_{bytes(range(TOKEN_BYTES)).hex()}"
    assert script == f"sgc_{bytes(range(MANAGER_BYTES)).hex()}"
    assert [is_script_token(one) for one in (script, person, script[:-1], f"{script}0")] == [
        *(True, False, False, False),
    ]
    assert is_of_console(person)
    assert is_of_console(script)
    for other in (hex_token(bytes(20)), guid(bytes(16)), manager_token(bytes(32)), ""):
        assert not is_of_console(other)
        assert not is_script_token(other)
    assert not is_manager_token(script)
