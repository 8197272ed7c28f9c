"""What an upstream tells anybody: its ServiceContent, its API versions, its description of SOAP.

Strangers may ask for it, so that what they ask decides nothing: one question of each kind is under
way at a time, its answer serves all who ask, and what was refused is not asked for again at once.
Which versions there are, the upstream's own list says; whoever names another gets the answer for
the newest before it.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from math import inf

from sessiongate.errors import (
    Malformed,
    OutcomeUnknown,
    Overloaded,
    UnknownAddress,
    UpstreamUnavailable,
)
from sessiongate.gateway.leases.standing import Standing
from sessiongate.gateway.leases.tokens_in_use import TokenShown, TokensInUse
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim import relayed_json_reply, service_versions, wsdl
from sessiongate.wire.vim import relayed_reply as replies
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.json import PREFIX

CACHE_TIME = 600.0
"""Seconds for which an answer serves all who ask."""

REFUSAL_CACHE_TIME = 5.0
"""The same of a fault, and of an upstream that does not answer."""

MOST_VERSIONS = 64
"""Of the upstream's list, the newest. Real lists have about forty."""

_LARGEST = 1024 * 1024
_LARGEST_DESCRIPTION = 8 * 1024 * 1024
"""A vCenter's types have some three."""
_ACTION = re.compile(r'"?urn:vim25/([0-9.]{1,20})"?')
_IN_SOAP, _IN_JSON = _FORMS = "content ", "content in JSON "
_DESCRIPTION = "description "
_CONTENT = envelope("RetrieveServiceContent", "ServiceInstance", "ServiceInstance")


class PublicAnswers:
    """Of one upstream, whose `name` stands in errors."""

    def __init__(
        self,
        name: str,
        exchange: Exchange,
        timeout: timedelta,
        is_paused: Callable[[], bool],
        tokens: TokensInUse,
    ) -> None:
        """While it `is_paused` the upstream is asked nothing; good answers serve on."""
        self._name = name
        self._exchange = exchange
        self._timeout = timeout
        self._is_paused = is_paused
        self._tokens = tokens
        self._cache: dict[str, _CachedAnswer] = {}
        self._listed: tuple[Answer | None, tuple[str, ...]] = (None, ())

    async def service_content(self, action: str) -> Answer:
        """What RetrieveServiceContent answers to this SOAPAction: a result or a fault.

        Raises UpstreamUnavailable, or Overloaded where it is paused.
        """
        named = _ACTION.fullmatch(action)
        version = ""
        if named is not None:
            version = service_versions.nearest(named[1], await self._versions())
        headers = [("content-type", "text/xml; charset=utf-8")]
        if version:
            headers.append(("soapaction", f'"urn:vim25/{version}"'))
        return await self._of(f"{_IN_SOAP}{version}", Ask("/sdk", tuple(headers), _CONTENT))

    async def content_in_json(self, release: str) -> Answer:
        """The same in VI/JSON, for a release that the upstream's list has.

        Raises UnknownAddress for another one, NotSupported where there is no VI/JSON, and as
        `service_content` does.
        """
        if release not in await self.releases():
            raise UnknownAddress("this release is not served")
        path = f"{PREFIX}{release}/ServiceInstance/ServiceInstance/RetrieveServiceContent"
        headers = (("content-type", "application/json"), ("accept-encoding", "identity"))
        return await self._of(f"{_IN_JSON}{release}", Ask(path, headers, b"{}"))

    async def releases(self) -> tuple[str, ...]:
        """The versions of the list. Raises as `service_content` does where nobody knows one."""
        listed = await self._versions()
        if not listed:
            await self.versions()
        return listed

    async def versions(self) -> Answer:
        """The list of API versions. Raises as `service_content` does."""
        return await self._of("versions", Ask(service_versions.PATH, (), b"", "GET"))

    async def vsan_versions(self) -> Answer:
        """The list of versions of vSAN's API.

        Raises UnknownAddress where the upstream has none, and as `service_content` does.
        """
        return await self._of("vsan versions", Ask(service_versions.VSAN_PATH, (), b"", "GET"))

    async def description(self, path: str) -> Answer:
        """A part of the description of SOAP, at one of `wsdl.VENDORS`.

        Raises UnknownAddress where there is none, and as `service_content` does.
        """
        if path not in wsdl.VENDORS:
            raise UnknownAddress("no description is there")
        return await self._of(f"{_DESCRIPTION}{path}", Ask(path, (), b"", "GET"))

    async def _versions(self) -> tuple[str, ...]:
        """Those of the list; of an earlier one where there is none now."""
        try:
            answer = await self.versions()
        except (UpstreamUnavailable, Overloaded):
            return self._listed[1]
        if answer is not self._listed[0]:
            self._listed = answer, service_versions.read(answer.body)[:MOST_VERSIONS]
            of_now = {"versions", "vsan versions", _IN_SOAP}
            of_now |= {f"{_DESCRIPTION}{path}" for path in wsdl.VENDORS}
            of_now |= {f"{form}{one}" for form in _FORMS for one in self._listed[1]}
            self._cache = {key: kept for key, kept in self._cache.items() if key in of_now}
        return self._listed[1]

    async def _of(self, key: str, ask: Ask) -> Answer:
        kept, paused = self._cache.get(key), self._is_paused()
        if kept is None or kept.is_over(paused=paused):
            if paused:
                raise Standing.PAUSED.refusal()
            kept = self._cache[key] = _CachedAnswer(
                asyncio.create_task(self._ask(ask), name="ask upstream")
            )
        try:
            return await asyncio.shield(kept.task)
        except UpstreamUnavailable as error:
            # Never that its outcome is not known: to ask for it again does no harm.
            raise UpstreamUnavailable(f"{self._name}: {error}", says=error.says) from None

    async def _ask(self, ask: Ask) -> Answer:
        described = ask.path in wsdl.VENDORS
        largest = _LARGEST_DESCRIPTION if described else _LARGEST
        answer = await self._exchange.exchange(ask, within=self._timeout, largest=largest)
        if answer.status == 404 and (described or ask.path == service_versions.VSAN_PATH):
            raise UnknownAddress("the upstream has nothing there")
        if not _is_from_the_service(ask, answer):
            raise UpstreamUnavailable(f"status {answer.status}, and none of its own answers")
        try:
            self._tokens.require_none(answer.body)
        except TokenShown:
            raise UpstreamUnavailable("what anybody may read shows a session") from None
        return answer


class _CachedAnswer:
    """An answer, or the question that is under way."""

    __slots__ = ("_due", "_good", "task")

    def __init__(self, task: asyncio.Task[Answer]) -> None:
        self.task = task
        self._due = inf
        self._good = False
        task.add_done_callback(self._on_answer)

    def is_over(self, *, paused: bool) -> bool:
        """Whether it has to be asked for again. Good ones are good while nothing may be asked."""
        return self._due <= asyncio.get_running_loop().time() and not (paused and self._good)

    def _on_answer(self, task: asyncio.Task[Answer]) -> None:
        failed = task.cancelled() or task.exception() is not None
        self._good = not failed and task.result().status == 200
        self._due = task.get_loop().time() + (CACHE_TIME if self._good else REFUSAL_CACHE_TIME)


def _is_from_the_service(ask: Ask, answer: Answer) -> bool:
    """Whether the service itself has answered, and not something in front of it."""
    if ask.path in wsdl.VENDORS:
        return answer.status == 200 and wsdl.is_description(answer.body)
    if ask.method == "GET":
        of_vsan = ask.path == service_versions.VSAN_PATH
        lists = service_versions.is_listing if of_vsan else service_versions.read
        try:
            return answer.status == 200 and bool(lists(answer.body))
        except Malformed:
            return False
    if ask.path.startswith(PREFIX):
        try:
            relayed_json_reply.require_whole(answer)
        except OutcomeUnknown:
            return False
        return True
    if not replies.is_soap(answer) or not replies.is_from_the_service(answer):
        return False
    return b"Envelope" in answer.body[:4096]
