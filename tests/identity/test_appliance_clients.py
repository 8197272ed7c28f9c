"""Clients with a secret are accounts like others, with one role each."""

import pytest

from sessiongate.errors import BadCredentials
from sessiongate.identity.appliance_clients import PROVIDER, ClientAccount, ClientIdentity
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret

ROBOT = ClientAccount("Robot", Secret("s3cret"), "user")
CLIENTS = ClientIdentity({"Robot": ROBOT})


async def test_the_secret_opens() -> None:
    principal = await CLIENTS.authenticate(parse_account("robot"), Secret("s3cret"))
    assert (principal.name, principal.user_name, principal.roles, principal.provider) == (
        "robot",
        "Robot",
        ("user",),
        PROVIDER,
    )
    assert await CLIENTS.find(parse_account("ROBOT")) == principal


@pytest.mark.parametrize(
    ("name", "secret"), [("robot", "wrong"), ("other", "s3cret"), ("other", "")]
)
async def test_sec_31_nothing_else_does(name: str, secret: str) -> None:
    with pytest.raises(BadCredentials):
        await CLIENTS.authenticate(parse_account(name), Secret(secret))
    assert await CLIENTS.find(parse_account("other")) is None


def test_sec_18_a_client_does_not_show_its_secret() -> None:
    assert "s3cret" not in repr(ROBOT)
