"""The console's listener: from a request to a page, an action or a file, for whoever may.

What a page shows its own module says (`pages`); here is what holds of all of them: the Host, who
visits, what that one may do, where a change may come from, and what is said where it may not.
"""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import msgspec

from sessiongate.errors import (
    BadCredentials,
    ForeignOrigin,
    InvalidArgument,
    LockedOut,
    Malformed,
    NoPermission,
    NotFound,
    SessionGateError,
    Unavailable,
    WrongVerb,
)
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.operations.console.callers import Caller, ConsoleCallers
from sessiongate.operations.console.entrance import LOGIN, Entrance
from sessiongate.operations.console.fault_pages import banner
from sessiongate.operations.console.first_start import FirstStart
from sessiongate.operations.console.forms import LOOKS, client_of, form_of
from sessiongate.operations.console.origin_checks import (
    FormKeys,
    OwnHosts,
    is_loaded_elsewhere,
)
from sessiongate.operations.console.page import (
    Action,
    ActionDone,
    ActionRefused,
    Page,
    Raw,
    Values,
    Visit,
    outcome_sentence,
    parts_of,
)
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.replies import gone_to, guarded, html, json
from sessiongate.operations.console.sign_in import holds, place_to_go
from sessiongate.operations.console.static_files import FOLDER, StaticFiles, read_static_files
from sessiongate.operations.console.templates import Templates
from sessiongate.operations.console.unchanged import Unchanged
from sessiongate.operations.console.visitors import cookie_named, tokens_in

ROOT = "/console/"
TWINS = "/console/api/v1/"
_TWINS_BELOW = TWINS.removeprefix(ROOT)

_BEARER = ("www-authenticate", "Bearer")
WHO = (
    "Who asks is not known: send a token of the console (`sessiongate tokens create NAME --console"
    " --role ROLE`) as Authorization: Bearer, or sign in at /console/login."
)
BY_PERSON = "A person does this and no token: it outlasts one."

_PLAIN = (("content-type", "text/plain; charset=utf-8"),)
_NOT_OUR_NAME = (
    b"The console does not answer to this name. Add it to server.public_names, or ask by the"
    b" address that the server has shown.\n"
)


class Console:
    """Answers everything below `ROOT`."""

    def __init__(
        self,
        parts: ConsoleParts,
        callers: ConsoleCallers,
        hosts: OwnHosts,
        pages: Sequence[Page | Action],
        first_start: FirstStart,
        key: bytes,
    ) -> None:
        """`key` makes what forms carry: random, and this process's."""
        self._parts = parts
        self._callers = callers
        self._hosts = hosts
        self._form_keys = FormKeys(key)
        self._pages = [one for one in pages if isinstance(one, Page)]
        self._actions = [one for one in pages if isinstance(one, Action)]
        self._unchanged = Unchanged()
        self._menu = [one for one in self._pages if one.menu]
        self._entrance = Entrance(
            parts, callers.visitors, self._form_keys, first_start, self._render
        )
        self._loaded: tuple[StaticFiles, Templates] | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, request: Request) -> Reply:
        """Answer a request, with the headers of security on every reply."""
        if not self._hosts.has(request.header("host")):
            return guarded(request, Reply(421, _PLAIN, _NOT_OUR_NAME))
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(_load)
        try:
            reply = await self._answer(request)
        except SessionGateError as error:
            reply = self._refused(request, error)
        if request.method == "HEAD":
            reply.body = b""
        return guarded(request, reply)

    def refuse(self, request: Request, error: SessionGateError | None) -> Reply:
        """The reply for an error; None is an unforeseen one."""
        return guarded(request, self._refused(request, error))

    def nothing(self, request: Request) -> Reply:
        """The reply where there is no page at all."""
        return self.refuse(request, NotFound("There is nothing at this address."))

    def _refused(self, request: Request, error: SessionGateError | None) -> Reply:
        status, words = _status_and_sentence(error)
        more = extra_headers(error)
        if request.path.startswith(TWINS):
            if isinstance(error, BadCredentials):
                more = [*more, _BEARER]
            if isinstance(error, LockedOut):
                more = [*more, ("retry-after", str(self._callers.locked_for))]
            return json(status, msgspec.json.encode({"error": words}), *more)
        if self._loaded is None:
            return Reply(status, (*_PLAIN, *more), words.encode())
        title = "Not found" if status == 404 else "Not done"
        facts = {"title": title, "words": words, "problem": "", "said": ""}
        return html(status, self._render("message.html", facts), *more)

    async def _answer(self, request: Request) -> Reply:
        path, reads = request.path, request.method in LOOKS
        if is_loaded_elsewhere(request):
            raise ForeignOrigin("a page of another origin may not load this; open it by itself")
        if path.startswith(FOLDER):
            found = self._loaded[0].reply(path) if self._loaded is not None and reads else None
            if found is None:
                raise NotFound("There is nothing at this address.")
            return found
        where = path.removeprefix(ROOT)
        if (reply := await self._entrance.answer(request, where)) is not None:
            return reply
        is_twin = where.startswith(_TWINS_BELOW)
        where = where.removeprefix(_TWINS_BELOW)
        if reads:
            return await self._show(request, where or self._menu[0].path, is_twin=is_twin)
        verbs = ("POST", "DELETE") if is_twin else ("POST",)
        if request.method in verbs:
            return await self._act(request, where, is_twin=is_twin)
        raise WrongVerb(*LOOKS, *verbs)

    async def _show(self, request: Request, where: str, *, is_twin: bool) -> Reply:
        query = Values.read(request.query)
        # What asks by itself is no sign of a person.
        polls = request.header("hx-request") is not None or bool(query.first("seen"))
        caller = await self._callers.of(request, is_twin=is_twin, touch=not (polls or is_twin))
        if caller is None:
            return self._not_signed_in(request, request.path, is_twin=is_twin, polls=polls)
        page, parts = self._page_of(where)
        visit = self._visit(request, caller, query, parts)
        self._require(visit, page.needs, page.path)
        mark = page.mark()
        if mark is not None:
            mark = mark, self._parts.insights.stopping()
        if polls and not is_twin and self._unchanged.holds(page, visit, mark):
            return Reply(204)
        data = await page.look(visit)
        await asyncio.sleep(0)  # to render it is some milliseconds of its own: others go first
        if isinstance(data, Raw):
            return _file(data)
        if is_twin:
            return json(200, msgspec.json.encode(data))
        return self._page_reply(page, visit, data, polls=polls, mark=mark)

    def _page_reply(
        self,
        page: Page,
        visit: Visit,
        data: msgspec.Struct,
        *,
        polls: bool = False,
        problem: str = "",
        mark: Hashable = None,
    ) -> Reply:
        facts = self._facts(page, visit, data, problem)
        if page.fragment and self._loaded is not None:
            as_of = getattr(data, "as_of", visit.now)
            text, version = self._loaded[1].fragment(page.fragment, facts, as_of)
            self._unchanged.note(page, visit, mark, version)
            if polls:
                return Reply(204) if visit.query.first("seen") == version else html(200, text)
            facts["live"] = text
        return html(400 if problem else 200, self._render(page.template, facts))

    def _facts(
        self, page: Page, visit: Visit, data: msgspec.Struct, problem: str
    ) -> dict[str, Any]:
        return {
            "title": page.title,
            "data": data,
            "visit": visit,
            "menu": [one for one in self._menu if holds(visit.privileges, one.needs)],
            "here": page.path.partition("/")[0],
            "csrf": self._form_keys.of(visit.session.digest),
            "holds": lambda privilege: holds(visit.privileges, privilege),
            "said": outcome_sentence(visit.query),
            "problem": problem,
            "stopping": self._parts.insights.stopping(),
        }

    async def _act(self, request: Request, where: str, *, is_twin: bool) -> Reply:
        caller = await self._callers.of(request, is_twin=is_twin, touch=True)
        if caller is None:
            there = f"{ROOT}{self._form_page(where)}"
            return self._not_signed_in(request, there, is_twin=is_twin, polls=False)
        form = form_of(request)
        if not caller.is_script:
            self._entrance.require_form(request, caller.session, form)
        action, parts = self._action_of(where, request.method)
        visit = self._visit(request, caller, Values.read(request.query), parts, form)
        self._require(visit, action.needs, action.path)
        if visit.is_script and action.by_person:
            self._parts.journal.denied(visit.session, f"console: {action.path}", "a person")
            return json(403, msgspec.json.encode({"error": BY_PERSON}))
        done = await action.act(visit)
        if is_twin:
            return _script_reply(done)
        if isinstance(done, ActionRefused):
            page, _ = self._page_of(action.page(where, parts))
            data = await page.look(visit)
            if isinstance(data, Raw):
                raise NotFound("There is nothing at this address.")
            return self._page_reply(page, visit, data, problem=done.problem)
        separator = "&" if "?" in done.to else "?"
        did = f"{separator}did={done.did}&count={done.count}" if done.did else ""
        return gone_to(f"{ROOT}{done.to}{did}")

    def _page_of(self, path: str) -> tuple[Page, dict[str, str]]:
        for page in self._pages:
            parts = parts_of(page.path, path)
            if parts is not None:
                return page, parts
        raise NotFound("There is nothing at this address.")

    def _action_of(self, path: str, verb: str) -> tuple[Action, dict[str, str]]:
        for action in self._actions:
            parts = parts_of(action.path, path)
            if parts is not None and action.verb == verb:
                return action, parts
        raise NotFound("There is no such action.")

    def _visit(
        self,
        request: Request,
        caller: Caller,
        query: Values,
        parts: Mapping[str, str],
        form: Values | None = None,
    ) -> Visit:
        session = caller.session
        held = self._parts.sessions.privileges(session)
        now, client = self._parts.clock.now(), client_of(request)
        return Visit(session, held, client, now, query, form or Values(), parts, caller.is_script)

    def _form_page(self, path: str) -> str:
        """The path of the page that an action's form stands on; "" where there is no such action.

        An action's own address shows nothing to whoever follows a link there.
        """
        try:
            action, parts = self._action_of(path, "POST")
        except NotFound:
            return ""
        return action.page(path, parts)

    def _not_signed_in(self, request: Request, path: str, *, is_twin: bool, polls: bool) -> Reply:
        """Without a session: a redirect to the login and then to `path`; a 401 for scripts."""
        if is_twin:
            return json(401, msgspec.json.encode({"error": WHO}), _BEARER)
        asked = Values.read(request.query).but("seen", "did", "count")
        there = place_to_go(f"{path}?{asked}" if asked else path)
        late = "late" if tokens_in(request.headers, cookie_named(request)) else ""
        address = f"{LOGIN}?{Values([('next', there), ('did', late)]).but()}"
        if polls:
            return Reply(401, (("hx-redirect", address),))
        return gone_to(address)

    def _require(self, visit: Visit, needs: str, what: str) -> None:
        if not holds(visit.privileges, needs):
            self._parts.journal.denied(visit.session, f"console: {what}", needs)
            raise NoPermission(needs)

    def _render(self, name: str, facts: Mapping[str, Any]) -> str:
        if self._loaded is None:
            return ""
        of_all = {"dev": banner(self._parts.faults), "stopping": self._parts.insights.stopping()}
        return self._loaded[1].page(name, {**facts, **of_all})


def _load() -> tuple[StaticFiles, Templates]:
    static = read_static_files()
    return static, Templates(static)


def _file(data: Raw) -> Reply:
    named = ("content-disposition", f'attachment; filename="{data.filename}"')
    return Reply(200, (("content-type", data.content_type), named), data.content)


def _script_reply(done: ActionDone | ActionRefused) -> Reply:
    if isinstance(done, ActionRefused):
        return json(400, msgspec.json.encode({"error": done.problem}))
    return json(200, msgspec.json.encode({"did": done.did, "count": done.count}))


def _status_and_sentence(error: SessionGateError | None) -> tuple[int, str]:
    """Status and sentence of an error."""
    if error is None:
        return 500, "An internal error occurred; the log has more of it."
    if isinstance(error, Unavailable):
        return 503, "The server cannot answer this at the moment; nothing is lost. Try again soon."
    if isinstance(error, BadCredentials):
        return 401, WHO
    if isinstance(error, LockedOut):
        return 429, "Too many wrong tokens came from your address; come back later."
    if isinstance(error, NoPermission):
        return 403, "Your role does not allow this."
    if isinstance(error, ForeignOrigin):
        return 403, f"{error}."
    if isinstance(error, NotFound):
        return 404, str(error)
    if isinstance(error, WrongVerb):
        return 405, "This address is not asked so."
    if isinstance(error, InvalidArgument | Malformed):
        return 400, f"{error}."
    return 400, "The request cannot be answered."
