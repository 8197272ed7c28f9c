"""The settings of an issuer of tokens, and the rules between them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from sessiongate.config import values
from sessiongate.config.kinds import (
    FilePath,
    FilePaths,
    Fingerprints,
    HttpsUrl,
    Renamed,
    Table,
    Text,
    setting,
)
from sessiongate.rules.access import no_such_role

# Each with a private key of the issuer. What would need a secret that we share is not among them.
ALGORITHMS = ("RS256", "ES256", "PS256")

Kind = Annotated[
    str,
    PlainValidator(values.choice("saml", "oidc")),
    WithJsonSchema({"type": "string", "enum": ["saml", "oidc"]}),
]
Algorithms = Annotated[
    tuple[str, ...],
    PlainValidator(values.many(values.choice(*ALGORITHMS))),
    WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(ALGORITHMS)}}),
]


class TokenIssuer(Table):
    """An issuer whose tokens are accepted."""

    type: Kind = Field(description="saml: assertions. oidc: bearer tokens of an OpenID provider.")
    issuer: Text = Field(description="What the issuer calls itself, to the letter.")
    audience: Text = Field(description="What the issuer calls us. A token for others is refused.")
    domain: Text | None = setting(
        None,
        "Domain of everybody here. Names without one get it; names of another are refused. Unset: "
        "names are taken as they stand in the token.",
    )
    role: Text | None = setting(
        None, "Role of those who are in none of the groups of roles. Unset: they are not let in."
    )
    roles: Renamed = setting({}, "Role of each group, under the group's name in quotes.")
    certificates: FilePaths = setting(
        [],
        "saml: PEM files of the certificates that the issuer signs with. While it changes from one "
        "to another, both.",
    )
    name_attribute: Text | None = setting(
        None, "saml: attribute that holds the user's name. Unset: the subject's NameID."
    )
    groups_attribute: Text = setting(
        "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity",
        "saml: attribute that holds the groups.",
    )
    jwks_url: HttpsUrl | None = setting(
        None,
        "oidc: address of the issuer's key set. Unset, without jwks_file: the one that the issuer "
        "names at /.well-known/openid-configuration.",
    )
    jwks_file: FilePath | None = setting(None, "oidc: file with the issuer's key set.")
    ca: FilePath | None = setting(
        None, "oidc: PEM file of the CA of the issuer's server. Unset: the system's CAs."
    )
    fingerprint: Fingerprints = Field(
        default=(),
        description="oidc: SHA-256 or SHA-1 fingerprint of that server's certificate, or a list of "
        "them. Without ca, it takes the place of chain and name; with ca, both are asked for.",
    )
    name_claim: Text = setting("preferred_username", "oidc: claim that holds the user's name.")
    groups_claim: Text = setting(
        "groups", "oidc: claim that holds the groups; with dots, a claim inside others."
    )
    algorithms: Algorithms = setting(list(ALGORITHMS), "oidc: signatures that are believed.")


_ONLY: Mapping[str, frozenset[str]] = {
    "saml": frozenset({"certificates", "name_attribute", "groups_attribute"}),
    "oidc": frozenset(
        {
            "jwks_url",
            "jwks_file",
            "ca",
            "fingerprint",
            "name_claim",
            "groups_claim",
            "algorithms",
        }
    ),
}
"""Settings that are about one type."""


def problems(issuers: Mapping[str, TokenIssuer], roles: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Say (setting, rule and way out) of everything that does not go together."""
    known = frozenset(roles)
    seen: dict[tuple[str, str], str] = {}
    for name, issuer in issuers.items():
        first = seen.setdefault((issuer.type, issuer.issuer), name)
        if first != name:
            yield f"tokens.{name}.issuer", f"is that of tokens.{first} too; keep one of them"
        for place, rule in (*_of_type(issuer), *_of_roles(issuer, known)):
            yield f"tokens.{name}.{place}", rule


def _of_type(issuer: TokenIssuer) -> Iterator[tuple[str, str]]:
    for kind, only in _ONLY.items():
        for place in sorted(only & issuer.model_fields_set) if kind != issuer.type else ():
            yield place, f"is about the type {kind}; leave it out"
    if issuer.type == "saml":
        if not issuer.certificates:
            yield "certificates", "is required: without a certificate nothing can be believed"
        return
    if issuer.jwks_url is not None and issuer.jwks_file is not None:
        yield "jwks_file", "and jwks_url exclude one another; keep one of them"
    if issuer.jwks_url is None and issuer.jwks_file is None:
        try:
            values.https_url(issuer.issuer)
        except ValueError:
            yield "jwks_url", "is required (or jwks_file): the issuer's name is no https address"
    if not issuer.algorithms:
        yield "algorithms", f"must name one at least; there are: {', '.join(ALGORITHMS)}"


def _of_roles(issuer: TokenIssuer, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    if issuer.role is None and not issuer.roles:
        yield "role", "or a role of some group is required: nobody could log in"
    there = sorted(known)
    if issuer.role is not None and issuer.role not in known:
        yield "role", f"must name a role; {no_such_role(issuer.role, there)}"
    if wrong := sorted(set(issuer.roles.values()) - known):
        yield "roles", f"must each name a role; {no_such_role(wrong[0], there)}"
