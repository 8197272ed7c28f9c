"""Whose name a token may give, and which roles its groups are."""

import pytest

from sessiongate.errors import BadCredentials
from sessiongate.identity.tokens.port import Grants
from sessiongate.secret import Secret
from sessiongate.session import PresentedToken


def test_names_are_canonical_and_shown_as_a_directory_shows_them() -> None:
    principal = Grants("idp").principal("Ada@Corp.Example", "Ada Lovelace", ())
    assert principal.name == "ada@corp.example"
    assert principal.user_name == r"CORP.EXAMPLE\Ada"
    assert principal.full_name == "Ada Lovelace"
    assert principal.provider == "tokens.idp"
    assert Grants("idp").principal("ada", " ", ()).full_name == "ada"


def test_names_without_a_domain_get_the_issuers() -> None:
    grants = Grants("idp", domain="CORP.example")
    for spelled in ("ada", "ADA@corp.EXAMPLE", r"corp.example\Ada", r"\ada"):
        assert grants.principal(spelled, "", ()).name == "ada@corp.example"


@pytest.mark.parametrize("spelled", ["ada@vsphere.local", r"OTHER\ada", "ada@corp.example.evil"])
def test_names_of_another_domain_are_not_the_issuers_to_give(spelled: str) -> None:
    with pytest.raises(BadCredentials):
        Grants("idp", domain="corp.example").principal(spelled, "", ())


@pytest.mark.parametrize("spelled", ["", " ", "a\nb", "@corp", "a@b@c\\d@e", "x" * 2000])
def test_what_is_no_name_is_refused(spelled: str) -> None:
    for domain in ("", "corp"):
        with pytest.raises(BadCredentials):
            Grants("idp", domain=domain).principal(spelled, "", ())


def test_groups_become_roles_each_once() -> None:
    grants = Grants(
        "idp", role="user", roles={"ops": "operator", "sre": "operator", "top": "admin"}
    )
    assert grants.principal("ada", "", ("top", "sre", "ops", "x")).roles == ("admin", "operator")
    # As the issuer spells it, and not nearly so.
    assert grants.principal("ada", "", ("OPS", "ops ")).roles == ("user",)
    assert Grants("idp", roles={"ops": "operator"}).principal("ada", "", ("x",)).roles == ()


def test_a_token_shows_nothing_and_keeps_every_byte() -> None:
    every = bytes(range(256))
    token = PresentedToken.of_document(every)
    assert token.document() == every
    assert "Secret(...)" in repr(token)
    assert "canary" not in repr(PresentedToken("bearer", Secret("canary")))
