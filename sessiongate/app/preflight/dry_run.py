"""Settings tried out as far as a server can be made from them without being started.

It says what would keep `serve` from starting beyond what the settings say by themselves: a provider
that refuses its table, a certificate that is not there, a Redis that does not answer. It listens
nowhere, reads no users and asks no directory. Whether upstreams answer, `upstream_checks` says.
"""

from collections.abc import Callable
from contextlib import suppress

from sessiongate.app import build as parts
from sessiongate.app.setup.roles_and_users import roles_as_they_are
from sessiongate.app.token_verifiers import verifiers_of
from sessiongate.config import Config
from sessiongate.config.upstreams import Upstream
from sessiongate.errors import ConfigError, StoreUnavailable
from sessiongate.identity.domains import claims_of
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.tls import certificates
from sessiongate.tls.certificates import CertificateFacts
from sessiongate.tls.server import tls_context
from sessiongate.upstream.http import HttpUpstream
from sessiongate.upstream.port import LoginUpstream, SessionUpstream
from sessiongate.wire.vim.client import ReceivedFault, UpstreamSession


def certificate_found(config: Config) -> CertificateFacts | None:
    """The certificate that a start would serve with, loaded with its key as a start does.

    None for plain HTTP, and where the first start would make one. Raises ConfigError with what
    would keep `serve` from starting; the certificates of extensions are left to
    `extensions_problems`.
    """
    tls = config.server.tls
    if config.server.plain_http:
        return None
    if tls.certificate is not None and tls.key is not None:
        served = certificates.own(tls.certificate, tls.key, tls.key_password)
    else:
        found = certificates.found(config.server.data_dir)
        if found is None:
            return None
        served = found
    tls_context(served.certificate, served.key, tls.key_password)
    return served.facts


async def providers_problems(config: Config) -> list[str]:
    """What is wrong with the identity tables."""
    hasher = PasswordHasher(1)
    try:
        known = roles_as_they_are(config).names()
        made = parts.providers_of(config, hasher, known, _declared(config))
        problems = _problems_of(lambda: claims_of(made))
        for one in made.values():
            await one.provider.close()
    except ConfigError as error:
        return error.problems
    finally:
        hasher.close()
    return problems


async def tokens_problems(config: Config) -> list[str]:
    """What is wrong with the issuers of tokens."""
    try:
        verifiers = verifiers_of(config)
    except ConfigError as error:
        return error.problems
    for verifier in verifiers:
        await verifier.close()
    return []


def extensions_problems(config: Config) -> list[str]:
    """What is wrong with the extensions."""
    return _problems_of(lambda: parts.extensions_of(config))


async def store_problem(config: Config) -> str | None:
    """Why the store cannot be used, where it is one that servers share.

    A file is not opened: the server that runs owns it.
    """
    try:
        if parts.store_kind_of(config).doubts is None:
            return None
        store = parts.store_of(config)
        await store.start()
    except StoreUnavailable as error:
        return str(error)
    except ConfigError as error:
        return "; ".join(error.problems)
    with suppress(StoreUnavailable):
        await store.close()
    return None


class _NobodyLogsIn:
    """The sessions of such an upstream."""

    name = "nobody logs in while settings are tried"

    async def login(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        """Never called."""
        raise AssertionError(self.name)

    async def logout(self, opened: UpstreamSession) -> None:
        """Never called."""
        raise AssertionError(self.name)

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


class _Declared:
    """An upstream of the settings that nobody logs in at."""

    def __init__(self, settings: Upstream) -> None:
        self.kind = settings.type
        self.each_login = False
        self.sessions: SessionUpstream | None = _NobodyLogsIn()
        self.url = settings.url
        self.trust = settings.trust()
        self.timeout = settings.timeout
        self.locale = settings.locale
        self.proxy = settings.proxy

    def calls(self, http: HttpUpstream) -> HttpUpstream:
        """As it is."""
        return http

    async def adopt(self, person: Person, opened: UpstreamSession) -> None:
        """Never called: nothing logs in here."""
        raise AssertionError(f"a login of {person.name} while settings are tried: {opened.form}")


def _declared(config: Config) -> dict[str, LoginUpstream]:
    callers = {name: one for name, one in config.upstream.items() if one.account == "caller"}
    return {name: _Declared(one) for name, one in callers.items()}


def _problems_of(make: Callable[[], object]) -> list[str]:
    try:
        make()
    except ConfigError as error:
        return error.problems
    return []
