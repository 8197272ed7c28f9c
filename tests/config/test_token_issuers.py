"""The settings of token issuers: what goes together, and what is said where it does not."""

from pathlib import Path

import pytest

from sessiongate.config import Config, load, show
from sessiongate.errors import ConfigError
from sessiongate.identity.tokens import saml

SAML = """
[tokens.idp]
type = "saml"
issuer = "https://idp.example"
audience = "https://gate.example"
certificates = ["idp.pem", "/etc/idp2.pem", "~/idp3.pem"]
role = "user"
[tokens.idp.roles]
'CORP\\Admins' = "administrator"
"cn=ops, dc=corp" = "operator"
"svc-token" = "user"
"""
OIDC = """
[tokens.key-cloak]
type = "oidc"
issuer = "https://idp.example/realms/corp"
audience = "gate"
role = "user"
"""


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "sessiongate.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    return [
        line.removesuffix(f" (in {tmp_path}/sessiongate.toml)") for line in caught.value.problems
    ]


def test_sec_53_by_default_no_issuer_is_believed() -> None:
    assert load().tokens == {}


def test_a_saml_issuer_is_read(tmp_path: Path) -> None:
    issuer = loaded(tmp_path, SAML).tokens["idp"]
    assert issuer.certificates == (
        tmp_path / "idp.pem",
        Path("/etc/idp2.pem"),
        Path.home() / "idp3.pem",
    )
    assert issuer.roles == {
        r"CORP\Admins": "administrator",
        "cn=ops, dc=corp": "operator",
        "svc-token": "user",
    }
    assert issuer.groups_attribute == saml.GROUPS


def test_an_oidc_issuer_is_read(tmp_path: Path) -> None:
    config = loaded(tmp_path, OIDC + 'jwks_file = "keys.json"\nalgorithms = ["ES256"]')
    issuer = config.tokens["key-cloak"]
    assert (issuer.jwks_file, issuer.algorithms) == (tmp_path / "keys.json", ("ES256",))
    assert (issuer.name_claim, issuer.groups_claim) == ("preferred_username", "groups")
    shown = show(config)
    assert shown["tokens.key-cloak.audience"] == {"value": "gate", "origin": "file"}


def test_a_ca_and_fingerprints_go_together(tmp_path: Path) -> None:
    pins = f'ca = "ca.pem"\nfingerprint = ["{"AB:" * 31}AB", "{"cd" * 20}"]'
    issuer = loaded(tmp_path, OIDC + pins).tokens["key-cloak"]
    assert (issuer.ca, issuer.fingerprint) == (tmp_path / "ca.pem", ("ab" * 32, "cd" * 20))


def test_a_group_may_be_shown(tmp_path: Path) -> None:
    shown = show(loaded(tmp_path, SAML))
    assert shown["tokens.idp.roles.svc-token"]["value"] == "user"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SAML.replace('type = "saml"', ""), "tokens.idp.type: is required"),
        (SAML.replace('"saml"', '"jwt"'), "tokens.idp.type: must be one of saml, oidc"),
        (SAML.replace('issuer = "https://idp.example"', ""), "tokens.idp.issuer: is required"),
        (SAML.replace("certificates =", "#"), "tokens.idp.certificates: is required"),
        (SAML.replace('"administrator"', '"boss"'), "tokens.idp.roles: must each name a role"),
        (SAML.replace('role = "user"', 'role = "boss"'), "tokens.idp.role: must name a role"),
        (SAML.replace('"administrator"', "5"), "tokens.idp.roles: must be a table of texts"),
        (SAML.replace("[tokens.idp.roles]", '[tokens.idp.x]\n"a" = 1'), "tokens.idp.x"),
        (
            SAML.replace("role =", 'jwks_url = "https://a/b"\nrole ='),
            "tokens.idp.jwks_url: is about",
        ),
        (OIDC + 'certificates = ["a"]', "tokens.key-cloak.certificates: is about the type saml"),
        (OIDC.replace('role = "user"', ""), "tokens.key-cloak.role: or a role of some group"),
        (OIDC + 'jwks_url = "http://a/b"', "tokens.key-cloak.jwks_url: must be an address"),
        (OIDC + 'jwks_url = "https://u:p@a/b"', "tokens.key-cloak.jwks_url: must be an address"),
        (OIDC + 'jwks_url = "https://a:x/b"', "tokens.key-cloak.jwks_url: must be an address"),
        (OIDC + 'jwks_url = "https://a/b#c"', "tokens.key-cloak.jwks_url: must be an address"),
        (
            OIDC + 'jwks_url = "https://a/b"\njwks_file = "a"',
            "tokens.key-cloak.jwks_file: and jwks_url exclude",
        ),
        (
            OIDC.replace("https://idp", "http://idp"),
            "tokens.key-cloak.jwks_url: is required (or jwks_file)",
        ),
        (OIDC + "fingerprint = []", "tokens.key-cloak.fingerprint: must name one at least"),
        (OIDC + 'fingerprint = "AA"', "tokens.key-cloak.fingerprint: entry 1 must be the 64 hex"),
        (OIDC + "verify = false", "tokens.key-cloak.verify: is not a setting"),
        (OIDC + 'algorithms = ["HS256"]', "tokens.key-cloak.algorithms: entry 1 must be one of"),
        (OIDC + 'algorithms = ["none"]', "tokens.key-cloak.algorithms: entry 1 must be one of"),
        (OIDC + "algorithms = []", "tokens.key-cloak.algorithms: must name one at least"),
        (
            OIDC + OIDC.replace("key-cloak", "other"),
            "tokens.other.issuer: is that of tokens.key-cloak too",
        ),
        (OIDC.replace("key-cloak", '"a b"'), "tokens.a b.type: names are letters and digits"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert any(line.startswith(said) for line in problems(tmp_path, text)), problems(tmp_path, text)


def test_roles_of_ones_own_may_be_given(tmp_path: Path) -> None:
    own = '[roles.boss]\nprivileges = ["System.View"]\n'
    assert (
        loaded(tmp_path, OIDC.replace('"user"', '"boss"') + own).tokens["key-cloak"].role == "boss"
    )
