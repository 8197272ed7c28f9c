"""The console over the services of `tests.gate`, and a browser that asks it without a socket."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html.parser import HTMLParser
from secrets import token_bytes
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec

from sessiongate.audit.event import Event, EventDetails, read
from sessiongate.errors import InvalidArgument, NotFound, StoreUnavailable
from sessiongate.faults.state import FaultState
from sessiongate.http.message import Reply, Request
from sessiongate.http.router import Route, Routes
from sessiongate.operations.console.callers import ConsoleCallers
from sessiongate.operations.console.endpoint import Console
from sessiongate.operations.console.first_start import Add, FirstStart
from sessiongate.operations.console.origin_checks import OwnHosts
from sessiongate.operations.console.page import Action, Page
from sessiongate.operations.console.pages import all_pages
from sessiongate.operations.console.parts import ConsoleParts, Insights
from sessiongate.operations.console.port import (
    ClientLease,
    FaultControl,
    LocalUser,
    Provider,
    ServerFacts,
    UserRules,
)
from sessiongate.operations.console.routes import routes
from sessiongate.operations.console.visitors import Visitors
from sessiongate.rules.lockout import Policy
from sessiongate.rules.passwords import problem_with, rule_of
from sessiongate.rules.scopes import console_scope
from sessiongate.rules.token import MANAGER_BYTES, script_token
from sessiongate.secret import Secret
from sessiongate.service.audit_desk import AuditDesk
from sessiongate.service.console_tokens import ConsoleTokens
from sessiongate.service.leaks import LeakFinder, OpenAudit, RecentSessions
from sessiongate.service.wrong_tokens import WrongTokens
from sessiongate.session import Caps, Limits, Person, Session
from sessiongate.store.manager_port import StoredToken
from sessiongate.telemetry.history import Timeline
from sessiongate.testing import NO_CAPS
from sessiongate.testing.clock import T0
from tests.gate import LIMITS, PEOPLE, Gate, password_of

HOST = "127.0.0.1:9680"
OWN_LIMITS = Limits(idle=timedelta(minutes=15), total=timedelta(hours=8))
SET_UP = "a-set-up-token"


async def nobody_is_added(name: str, password: Secret) -> None:
    raise AssertionError("nobody asked for that")


class FakeUsers:
    """Users of one file, in memory; locks are the guard's."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.people = {
            name: LocalUser("local", name, name.title(), role, False)
            for name, role in PEOPLE.items()
        }
        self.done: list[tuple[str, str, str, EventDetails]] = []
        self.roles = tuple(sorted({*PEOPLE.values()}))
        self.files: tuple[str, ...] = ("local",)
        self.passwords: dict[str, str] = {}
        self.away = False
        """Whether nobody can say who is locked."""

    @property
    def rules(self) -> UserRules:
        return UserRules(self.roles, self.files, rule_of(12))

    async def all(self) -> list[LocalUser]:
        return list(self.people.values())

    async def locked(self) -> Mapping[str, Mapping[str, datetime]]:
        if self.away:
            raise StoreUnavailable("the disk is gone")
        return {name: await one.locked() for name, one in self._gate.guards.items()}

    async def unlock(self, name: str, by: str, said: EventDetails) -> bool:
        self.done.append(("unlock", name, by, said))
        return any([await one.unlock(name) for one in self._gate.guards.values()])

    async def set_disabled(self, who: Person, disabled: bool, by: str, said: EventDetails) -> None:
        self._change(f"disabled {disabled}", who, by, said, disabled=disabled)

    async def set_role(self, who: Person, role: str, by: str, said: EventDetails) -> None:
        if role not in self.roles:
            raise InvalidArgument("role", "unknown")
        self._change(f"role {role}", who, by, said, role=role)

    async def add(
        self, who: Person, full_name: str, role: str, password: Secret, by: str, said: EventDetails
    ) -> str:
        if problem := problem_with(password.reveal(), who.name, 12):
            raise InvalidArgument("password", problem)
        if role not in self.roles:
            raise InvalidArgument("role", "unknown")
        name = who.name.lower()
        self.people[name] = LocalUser(who.provider, name, full_name, role, False)
        self.done.append((f"added {role}", name, by, said))
        return name

    async def set_password(
        self, who: Person, password: Secret, by: str, said: EventDetails
    ) -> None:
        if problem := problem_with(password.reveal(), who.name, 12):
            raise InvalidArgument("password", problem)
        self.passwords[who.name] = password.reveal()
        self.done.append(("password", who.name, by, said))

    def _change(self, what: str, who: Person, by: str, said: EventDetails, **facts: object) -> None:
        if who.name == "ada":
            raise InvalidArgument("name", "ada is the last administrator; make another one first")
        if who.name not in self.people:
            raise NotFound(f"there is no user {who.name!r}")
        self.people[who.name] = msgspec.structs.replace(self.people[who.name], **facts)
        self.done.append((what, who.name, by, said))


class FakePools:
    """One pool with two clients, once `names` has it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.held: list[ClientLease] = []
        """What clients have in its leases."""
        self.done: list[tuple[str, str, str]] = []
        self.audit_details: list[tuple[str, str]] = []
        """Of each of those, from where and why."""

    def list(self) -> object:
        return [self._row(name) for name in self.names]

    def show(self, name: str) -> object:
        if name not in self.names:
            raise NotFound(f"there is no upstream {name}")
        account = {"account": "service", "size": 5, "oldest_wait_seconds": 4, **self._counts}
        return {**self._row(name), "leases": [], "by_account": [account]}

    def leases_of(self, clients: Sequence[str]) -> Mapping[str, ClientLease]:
        return {one.client: one for one in self.held if one.client in clients}

    def pins(self, name: str) -> Sequence[ClientLease]:
        return self.held

    def _row(self, name: str) -> dict[str, object]:
        told = {"name": name, "account": "service", "standing": "open", "breaker_open": False}
        more = {"size": 5, "clients": 2, "objects": 0, "problem": None, "oldest_wait_seconds": 4}
        return {**told, **self._counts, **more}

    _counts: ClassVar[dict[str, object]] = dict.fromkeys(
        ("idle", "active", "login", "broken", "waiting", "pinned"), 0
    )

    async def pause(self, name: str, by: str, how: str = "", detail: str = "") -> object:
        return self._did("pause", name, by, how, detail)

    async def resume(self, name: str, by: str, how: str = "", detail: str = "") -> object:
        return self._did("resume", name, by, how, detail)

    async def drain(
        self,
        name: str,
        by: str,
        how: str = "",
        detail: str = "",
        *,
        force: bool,
        who: Session | None = None,
    ) -> object:
        return self._did(f"drain {force}", name, by, how, detail)

    async def rotate(self, name: str, by: str, how: str = "", detail: str = "") -> object:
        return self._did("rotate", name, by, how, detail)

    async def sessions(self, name: str) -> object:
        return {}

    def _did(self, what: str, name: str, by: str, how: str, detail: str) -> object:
        self.done.append((what, name, by))
        self.audit_details.append((how, detail))
        return {"clients": 2}


async def facts() -> ServerFacts:
    settings = {"store.url": {"value": "memory:", "origin": "file"}}
    providers = (Provider("local", "file", True), Provider("corp", "ldap", False))
    return ServerFacts(
        ("https://192.0.2.1:9669",),
        "AA:BB",
        T0,
        b"a CA",
        settings,
        providers,
        {"Console": f"http://{HOST}/console/"},
    )


class Desk:
    """A console, and the parts that stand behind it."""

    def __init__(
        self,
        gate: Gate,
        *more: Page | Action,
        has_users: bool = True,
        add: Add = nobody_is_added,
        names: Sequence[str] = ("127.0.0.1", "localhost", "console.example"),
        audit: OpenAudit | None = None,
        caps: Caps = NO_CAPS,
        faults: FaultControl | None = None,
        workers: int = 1,
    ) -> None:
        self.gate = gate
        self.has_users = has_users
        self.users = FakeUsers(gate)
        self.pools = FakePools()
        self.timeline = Timeline()
        self.values = {"sessiongate_names_locked": 0.0}
        """What metrics say, beside the number of sessions."""
        self.providers = {"local": True}
        self.stopping = False
        self.counted = workers
        """How many of the workers say what they have counted."""
        self.parts = ConsoleParts(
            gate.sessions,
            gate.logins,
            gate.journal,
            gate.clock,
            LIMITS,
            OWN_LIMITS,
            self._insights(audit, caps, workers),
            "local",
            self.users,
            facts,
            self.pools,
            faults,
        )
        self.visitors = Visitors(gate.sessions, gate.clock, OWN_LIMITS)
        gate.sessions.on_open(self.visitors.opened)
        gate.sessions.on_end(self.visitors.ended)
        first = FirstStart(gate.clock, Secret(SET_UP), lambda: self.has_users, add, rule_of(12))
        wrong = WrongTokens(Policy(3, timedelta(minutes=3), timedelta(minutes=5)), gate.clock)
        tokens = ConsoleTokens(gate.store.manager_tokens, wrong, gate.clock, gate.journal)
        self.lines = [*more, *all_pages(self.parts)]
        console = Console(
            self.parts,
            ConsoleCallers(self.visitors, tokens, 300),
            OwnHosts(names, any_address=False),
            self.lines,
            first,
            b"k" * 32,
        )

        async def nowhere(request: Request) -> Reply:
            return console.nothing(request)

        self.handler = Routes(routes(console), Route("", nowhere, console.refuse))

    def _insights(self, audit: OpenAudit | None, caps: Caps, workers: int) -> Insights:
        record: OpenAudit | RecentSessions = audit or RecentSessions(self.gate.clock)
        if isinstance(record, RecentSessions):
            self.gate.sessions.on_open(record.opened)
            self.gate.sessions.on_end(record.ended)

        async def values() -> dict[str, float]:
            return {"sessiongate_sessions_live": await self.gate.store.count(), **self.values}

        meters = self.gate.journal.meters
        return Insights(
            LeakFinder(self.gate.sessions, self.gate.clock, record),
            AuditDesk(audit, self.gate.clock),
            self.timeline,
            values,
            meters.upstreams,
            caps,
            workers,
            lambda: self.counted,
            lambda: self.providers,
            lambda: self.stopping,
        )

    def browser(self, **facts: Any) -> "Browser":
        """Somebody who has not been here yet."""
        return Browser(self, **facts)

    async def script(self, role: str, name: str = "nightly", **facts: Any) -> "Script":
        """A script with a token of this role."""
        token = script_token(token_bytes(MANAGER_BYTES))
        scopes = (console_scope(role),)
        stored = StoredToken(Secret(token).digest(), name, scopes, self.gate.clock.now())
        await self.gate.store.manager_tokens.add(stored)
        return Script(self, token, **facts)

    async def signed_in(self, name: str = "ada", **facts: Any) -> "Browser":
        """Somebody who has signed in."""
        browser = self.browser(**facts)
        reply = await browser.sign_in(name)
        assert reply.status == 303, text_of(reply)
        return browser


class Browser:
    """Keeps cookies, and says where its requests come from, as browsers do."""

    def __init__(
        self, desk: Desk, *, secure: bool = False, peer: str = "192.0.2.9", agent: str = "Mozilla"
    ) -> None:
        self._desk = desk
        self._secure = secure
        self._peer = peer
        self._agent = agent
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    @property
    def token(self) -> str:
        """Its one cookie's value."""
        [token] = self.cookies.values()
        return token

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
    ) -> Reply:
        """One request, with these headers beside or in place of a browser's own."""
        path, _, query = target.partition("?")
        own = {"host": HOST, "user-agent": self._agent}
        if self.cookies:
            own["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {name for name, _ in headers}
        named = [*((n, v) for n, v in own.items() if n not in given), *headers]
        request = Request(method, path, query, named, body, self._peer, self._secure)
        reply = await self._desk.handler(request)
        self._keep(reply)
        return reply

    async def get(self, target: str, *headers: tuple[str, str]) -> Reply:
        return await self.ask("GET", target, b"", headers)

    async def post(self, target: str, *headers: tuple[str, str], **form: Any) -> Reply:
        """A form of this console's own page; `csrf` as the last page had it, unless given."""
        fields = {"csrf": self.csrf, **form}
        body = urlencode({k: v for k, v in fields.items() if v is not None}, doseq=True).encode()
        own = [("content-type", "application/x-www-form-urlencoded")]
        if not any(name in ("sec-fetch-site", "origin") for name, _ in headers):
            own.append(("sec-fetch-site", "same-origin"))
        sent = [(n, v) for n, v in (*own, *headers) if v]
        return await self.ask("POST", target, body, sent)

    async def sign_in(self, name: str, password: str | None = None, **more: Any) -> Reply:
        given = password if password is not None else password_of(name).reveal()
        return await self.post("/console/login", name=name, password=given, **more)

    def _keep(self, reply: Reply) -> None:
        for name, value in reply.headers:
            if name == "set-cookie":
                cookie, _, attributes = value.partition(";")
                called, _, text = cookie.partition("=")
                if text and "Max-Age=0" not in attributes:
                    self.cookies[called] = text
                else:
                    self.cookies.pop(called, None)
        if found := re.search(r'name="csrf" value="([0-9a-f]+)"', text_of(reply)):
            self.csrf = found[1]


class Script(Browser):
    """Shows a token with each request, says nothing of its page, and keeps no cookie."""

    def __init__(self, desk: Desk, token: str, **facts: Any) -> None:
        super().__init__(desk, **{"agent": "curl/8", **facts})
        self.shown = token

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()
    ) -> Reply:
        shown = ("authorization", f"Bearer {self.shown}")
        reply = await super().ask(method, target, body, (shown, *headers))
        assert not self.cookies
        return reply

    async def post(self, target: str, *headers: tuple[str, str], **form: Any) -> Reply:
        own = ("content-type", "application/x-www-form-urlencoded")
        body = urlencode(form, doseq=True).encode()
        return await self.ask("POST", target, body, (own, *headers))

    async def send(self, target: str, body: object) -> Reply:
        """The same values as JSON."""
        own = ("content-type", "application/json")
        return await self.ask("POST", target, msgspec.json.encode(body), (own,))


def told_by(reply: Reply) -> Any:
    """What JSON a reply has."""
    return msgspec.json.decode(reply.body)


def faults_of(gate: Gate) -> FaultState:
    """Faults on purpose of the server that a console is of."""
    state = FaultState(gate.clock, 1)

    async def ahead(by: timedelta) -> int:
        gate.clock.tick(by)
        return await gate.sweep()

    state.serve(gate.journal, Counter(), gate.store, ahead)
    return state


def text_of(reply: Reply) -> str:
    return reply.body.decode("utf-8", "replace")


def header_of(reply: Reply, name: str) -> str:
    return next((value for key, value in reply.headers if key == name), "")


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def tags_of(reply: Reply, name: str = "") -> list[dict[str, str]]:
    """The attributes of each element of this name, as a browser reads them."""
    seen = _Seen()
    seen.feed(text_of(reply))
    return [attributes for tag, attributes in seen.tags if name in ("", tag)]


def words_of(reply: Reply) -> str:
    """What a person reads."""
    seen = _Seen()
    seen.feed(text_of(reply))
    return " ".join(" ".join(seen.words).split())


def rows_of(reply: Reply) -> list[str]:
    """The keys of the sessions that a list shows, in order."""
    return [one["id"].removeprefix("row-") for one in tags_of(reply, "tr") if "id" in one]


def events_of(gate: Gate) -> list[Event]:
    """What the audit has."""
    return [read(line) for line in gate.store.audit.payloads]
