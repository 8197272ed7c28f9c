"""Verifiers come from the settings, and what cannot be one is told before anything is served."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.app.token_verifiers import verifiers_of
from sessiongate.config import load
from sessiongate.errors import ConfigError
from sessiongate.session import PresentedToken
from sessiongate.testing import T0
from tests.identity.tokens.assertions import AUDIENCE, ISSUER, in_soap, signed, signer
from tests.identity.tokens.issuers import key_set

SAML = f"""
[tokens.idp]
type = "saml"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
certificates = ["idp.pem"]
role = "user"
"""
OIDC = """
[tokens.oidc]
type = "oidc"
issuer = "https://idp.example"
audience = "gate"
role = "user"
"""


def settings(folder: Path, text: str) -> Path:
    path = folder / "sessiongate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        verifiers_of(load(settings(folder, text)))
    return refused.value.problems


def test_without_issuers_there_are_none() -> None:
    assert verifiers_of(load()) == []


async def test_a_saml_issuer_becomes_a_verifier(tmp_path: Path) -> None:
    both = signer("next").pem + signer().pem
    (tmp_path / "idp.pem").write_bytes(both)
    (verifier,) = verifiers_of(load(settings(tmp_path, SAML)))
    await verifier.start()
    document = PresentedToken.of_document(in_soap(signed()))
    assert verifier.takes(document)
    assert (await verifier.verify(document, T0 + timedelta(minutes=1))).principal.roles == ("user",)
    await verifier.close()


@pytest.mark.parametrize(
    "keys", ["", 'jwks_url = "https://keys.example/set"', 'jwks_file = "keys"']
)
async def test_an_oidc_issuer_becomes_a_verifier(tmp_path: Path, keys: str) -> None:
    (tmp_path / "keys").write_bytes(key_set())
    (verifier,) = verifiers_of(load(settings(tmp_path, OIDC + keys)))
    await verifier.start()
    await verifier.close()
    assert verifier.name == "oidc"


def test_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path, SAML)[0]
    (tmp_path / "idp.pem").write_text("none")
    assert "PEM" in problems(tmp_path, SAML)[0]
    (tmp_path / "idp.pem").write_bytes(signer("weak").pem)
    (line,) = problems(tmp_path, SAML)
    assert line.startswith("tokens.idp.certificates: ")
    assert "2048" in line


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    lines = problems(tmp_path, SAML + OIDC + 'ca = "nowhere.pem"')
    assert [line.partition(":")[0] for line in lines] == [
        "tokens.idp.certificates",
        "tokens.oidc.ca",
    ]


def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "idp.pem").write_bytes(signer().pem)
    for name in ("sessiongate.identity.tokens.saml", "sessiongate.identity.tokens.saml_signature"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    # What an import finds where a package is not installed.
    for name in [one for one in sys.modules if one.partition(".")[0] == "signxml"]:
        monkeypatch.setitem(sys.modules, name, None)
    (line,) = problems(tmp_path, SAML)
    assert line.startswith("tokens.idp.type: needs the package signxml; ")
    assert 'pip install "sessiongate[saml]"' in line
    assert verifiers_of(load(settings(tmp_path, OIDC)))
