"""The pages of those who are not signed in: the login, its end, and the first administrator."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sessiongate.errors import ForeignOrigin, NotFound, WrongVerb
from sessiongate.http.message import Reply, Request
from sessiongate.operations.console.first_start import FirstStart
from sessiongate.operations.console.forms import LOOKS, client_of, form_of, require_own_page
from sessiongate.operations.console.origin_checks import FIELD, HEADER, FormKeys
from sessiongate.operations.console.page import Values, outcome_sentence
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.replies import gone_to, html
from sessiongate.operations.console.sign_in import place_to_go, sign_in
from sessiongate.operations.console.visitors import Visitors, cookie_of
from sessiongate.session import Ended, Session

LOGIN = "/console/login"

Render = Callable[[str, Mapping[str, Any]], str]
"""From a template's name and what it shows to a page."""


class Entrance:
    """Lets people in and out."""

    def __init__(
        self,
        parts: ConsoleParts,
        visitors: Visitors,
        form_keys: FormKeys,
        first_start: FirstStart,
        render: Render,
    ) -> None:
        self._parts = parts
        self._visitors = visitors
        self._form_keys = form_keys
        self._first_start = first_start
        self._render = render

    async def answer(self, request: Request, where: str) -> Reply | None:
        """The reply for `login`, `logout` and `setup/...`; None for any other address."""
        if where == "login":
            return await self._login(request)
        if where == "logout":
            return await self._logout(request)
        if where.startswith("setup/"):
            return await self._set_up(request, where.removeprefix("setup/"))
        return None

    def require_form(self, request: Request, session: Session, form: Values) -> None:
        """Raise ForeignOrigin unless a page of ours sends this, of this very session."""
        require_own_page(request)
        given = form.first(FIELD) or request.header(HEADER) or ""
        if not self._form_keys.is_right(given, session.digest):
            raise ForeignOrigin("this form is none of this session's; load the page again")

    async def _login(self, request: Request) -> Reply:
        if request.method in LOOKS:
            query = Values.read(request.query)
            there = place_to_go(query.first("next"))
            return self._login_page(200, there, said=outcome_sentence(query))
        form = _posted(request)
        there, name = place_to_go(form.first("next")), form.first("name")
        opened = await sign_in(self._parts, form, client_of(request))
        if isinstance(opened, str):
            return self._login_page(403, there, name=name, problem=opened)
        reply = gone_to(there, cookie_of(request, opened.token.reveal()))
        reply.undelivered = opened.undelivered
        return reply

    def _login_page(
        self, status: int, there: str, *, name: str = "", problem: str = "", said: str = ""
    ) -> Reply:
        facts = {"title": "Sign in", "next": there, "name": name, "problem": problem, "said": said}
        return html(status, self._render("login.html", facts))

    async def _logout(self, request: Request) -> Reply:
        if request.method != "POST":
            raise WrongVerb("POST")
        session = await self._visitors.of(request, touch=False)
        if session is not None:
            self.require_form(request, session, form_of(request))
            await self._parts.sessions.end(session.key, Ended.LOGOUT)
        return gone_to(f"{LOGIN}?did=out", cookie_of(request, "", timedelta(0)))

    async def _set_up(self, request: Request, token: str) -> Reply:
        if not await self._first_start.is_open(token):
            raise NotFound(
                "This link is over: it works once, for half an hour, and only while there is no"
                " user. A restart of the server shows another one."
            )
        facts = {"title": "The first administrator", "problem": "", "said": "", "name": ""}
        facts["rule"] = self._first_start.rule
        if request.method in LOOKS:
            return html(200, self._render("setup.html", facts))
        form = _posted(request)
        if problem := await self._first_start.add(token, form):
            facts |= {"problem": problem, "name": form.first("name")}
            return html(400, self._render("setup.html", facts))
        return gone_to(f"{LOGIN}?did=added")


def _posted(request: Request) -> Values:
    """The form of a page of ours that nobody need be signed in for."""
    if request.method != "POST":
        raise WrongVerb("GET", "HEAD", "POST")
    require_own_page(request)
    return form_of(request)
