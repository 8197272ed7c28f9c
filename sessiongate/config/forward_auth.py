"""`[forward_auth]`: what proxies may ask, and who is let through to which application."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from sessiongate.config import access_rules, values
from sessiongate.config.kinds import HttpsUrl, YesNo
from sessiongate.config.kinds import Table as _Table
from sessiongate.config.kinds import setting as _setting
from sessiongate.rules.access import no_such_role
from sessiongate.rules.forward_auth import AccessRule

_SETS = ("remote", "x-auth-request", "x-forwarded")

HeaderSet = Annotated[
    str,
    PlainValidator(values.choice(*_SETS)),
    WithJsonSchema({"type": "string", "enum": list(_SETS)}),
]
AccessRules = Annotated[
    tuple[AccessRule, ...],
    PlainValidator(access_rules.read),
    WithJsonSchema(access_rules.SCHEMA),
]


class ForwardAuth(_Table):
    """Checks of sessions for proxies in front of other applications."""

    enabled: YesNo = _setting(
        False,
        "Answer /auth/forward-auth, /auth/auth-request and /auth/ext-authz. Needs "
        "server.trusted_proxies: without any, nobody is answered.",
    )
    headers: HeaderSet = _setting(
        "remote",
        "Headers that tell the application who it is. remote: Remote-User, Remote-Groups and "
        "Remote-Name; the others begin with X-Auth-Request- and X-Forwarded-.",
    )
    touch: YesNo = _setting(
        True,
        "Whether a check counts as a call of the session, so that it is not idle. false: only what "
        "its client does here counts.",
    )
    login_url: HttpsUrl | None = _setting(
        None,
        "Page that browsers are sent to (302) in place of a 401, always the same. Not by nginx, "
        "which would make a 500 of it. Unset: they get the 401.",
    )
    rules: AccessRules = _setting(
        [],
        "Tables [[forward_auth.rules]] of host, path (a prefix of whole segments), methods and "
        "roles, each of them optional. The first whose host, path and methods fit decides; none "
        "fits: 403. Without any table every live session is let through.",
    )


def problems(rules: Iterable[AccessRule], roles: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Say (setting, rule and way out) of everything that does not go together."""
    known = sorted(roles)
    for number, rule in enumerate(rules, 1):
        for wrong in sorted((rule.roles or frozenset()) - {*known})[:1]:
            said = f"entry {number} must name roles; {no_such_role(wrong, known)}"
            yield "forward_auth.rules", said
