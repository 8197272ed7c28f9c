"""Which groups hold somebody, directly or through other groups, as far as roles go by them.

Directories put a limit on what one search may find (500 entries, 1000), and somebody may be in
more groups than that. So the groups that the settings name are asked for by name, which never
finds more than there are names. Where all groups that hold somebody have to be known, because one
of them may be in a group that counts, and the directory cuts its answer short, the list that the
entry itself has does as well; else what was cut is left out, and the log says so.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog

from sessiongate.identity.ldap import verdicts as directory
from sessiongate.identity.ldap.connection import NoAnswer, Unsure
from sessiongate.identity.ldap.filter import All, Any, Compare, Filter, Has, Rule
from sessiongate.identity.ldap.messages import Entry, Result
from sessiongate.identity.ldap.servers import diagnostic_of
from sessiongate.identity.ldap.verdicts import LIMITS, NO_SUCH_OBJECT, OF_THE_SERVER, SUCCESS
from sessiongate.rules.dn import canonical_dn, first_part

# LDAP_MATCHING_RULE_IN_CHAIN: Active Directory follows groups in groups by itself.
IN_CHAIN = "1.2.840.113556.1.4.1941"

# Groups asked about in one search; some servers refuse filters of more than a few hundred parts.
_TOGETHER = 50

_log = structlog.get_logger(__name__)


class Search(Protocol):
    """`LdapServer.search` or `LdapConnection.search`: as the service account, or as the user."""

    async def __call__(
        self,
        base: str,
        found: Filter,
        attributes: list[str],
        *,
        subtree: bool = True,
        most: int = 0,
    ) -> tuple[list[Entry], Result]: ...


class Groups:
    """Asks one directory for groups. `wanted` are the DNs that the settings name, as written."""

    def __init__(
        self,
        provider: str,
        wanted: Iterable[str],
        *,
        base: str,
        depth: int,
        chain: bool,
        attribute: str,
        name_attribute: str,
    ) -> None:
        self._provider = provider
        names = list(wanted)
        self._wanted = frozenset(map(canonical_dn, names))
        self._named = [Any(tuple(map(_named, some))) for some in directory.chunks(names, _TOGETHER)]
        self._base = base
        self._depth = depth
        self._chain = chain
        self._attribute = attribute.lower()
        self._name_attribute = name_attribute

    async def of(self, search: Search, entry: Entry) -> set[str]:
        """The DNs of groups that hold this entry, with all of the wanted ones that do."""
        listed = _texts(entry.attributes, self._attribute)
        if self._chain:
            in_chain = Rule("member", IN_CHAIN, entry.dn.encode())
            return listed | await self._wanted_of(search, in_chain)
        user = directory.text_of(entry.attributes, self._name_attribute)
        own = (Compare("memberUid", user.encode()),)
        groups = listed | await self._direct(search, entry.dn, _holding((entry.dn,), own), listed)
        # Each round asks about those found in the last one only, so a loop of groups ends.
        fresh = groups
        for rest in range(self._depth - 1, -1, -1):
            if not fresh or self._has_all(groups):
                break
            above = set[str]()
            for some in directory.chunks(fresh, _TOGETHER):
                above |= await self._above(search, some, last=not rest)
            fresh = above - groups
            groups |= fresh
        return groups

    async def _direct(self, search: Search, dn: str, holds: Filter, listed: set[str]) -> set[str]:
        """The groups that hold the entry itself; all of them where groups in groups count."""
        if not self._depth:
            return await self._wanted_of(search, holds)
        found, whole = await self._find(search, holds)
        if whole:
            return found
        if not found or not _canonical(found) <= _canonical(listed):
            # The entry's own list is not in step with the groups, so nothing is known to be whole.
            _log.warning(
                "directory cuts the list of groups",
                provider=self._provider,
                entry=dn,
                what="in more groups than the directory's size limit lets it tell: roles through"
                " groups in groups may be missing; raise the limit, or set group_depth = 0",
            )
        return found | await self._wanted_of(search, holds)

    async def _above(self, search: Search, names: tuple[str, ...], *, last: bool) -> set[str]:
        """The groups that hold any of these; in the last round none but the wanted ones matter."""
        holds = _holding(names)
        if last:
            return await self._wanted_of(search, holds)
        found, whole = await self._find(search, holds)
        if whole:
            return found
        if len(names) > 1:
            middle = len(names) // 2
            lower = await self._above(search, names[:middle], last=False)
            return lower | await self._above(search, names[middle:], last=False)
        _log.warning("directory cuts the list of groups", provider=self._provider, entry=names[0])
        return found | await self._wanted_of(search, holds)

    async def _wanted_of(self, search: Search, holds: Filter) -> set[str]:
        """The wanted groups for which this holds, and others of the same names elsewhere."""
        found = set[str]()
        for named in self._named:
            some, whole = await self._find(search, All((named, holds)))
            if not whole:
                # Rights that are cut short could be too few, and nobody would know why.
                raise Unsure("too many groups have the names that the settings give")
            found |= some
        return found

    async def _find(self, search: Search, found: Filter) -> tuple[set[str], bool]:
        """What the search finds, and whether that is all. Raises NoAnswer."""
        entries, end = await search(self._base, found, ["1.1"])
        if end.code != SUCCESS and end.code not in LIMITS:
            raise ended_badly("the search for groups", end)
        return {entry.dn for entry in entries}, end.code == SUCCESS

    def _has_all(self, groups: set[str]) -> bool:
        return self._wanted <= _canonical(groups)


def ended_badly(what: str, end: Result) -> NoAnswer:
    """What to make of a search that ended so: the server's trouble, or one about what was asked."""
    text = f"{what} ended with code {end.code}: {diagnostic_of(end)}"
    # The base is the settings'. What else may be wrong can be in what somebody typed.
    is_theirs = end.code in OF_THE_SERVER or end.code == NO_SUCH_OBJECT
    return NoAnswer(text) if is_theirs else Unsure(text)


def _named(dn: str) -> Filter:
    """Entries that are called like this one among their neighbours, wherever they are."""
    parts: list[Filter] = [
        Has(name) if value is None else Compare(name, value) for name, value in first_part(dn)
    ]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _holding(names: tuple[str, ...], more: tuple[Filter, ...] = ()) -> Filter:
    attributes = ("member", "uniqueMember")
    return Any(
        (*more, *(Compare(attribute, name.encode()) for name in names for attribute in attributes))
    )


def _texts(facts: Mapping[str, tuple[bytes, ...]], name: str) -> set[str]:
    return {value.decode("utf-8", "replace") for value in facts.get(name, ())}


def _canonical(names: Iterable[str]) -> set[str]:
    return {canonical for name in names if (canonical := directory.comparable(name)) is not None}
