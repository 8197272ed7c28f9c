"""Somebody in more groups than the directory tells at once: 600 groups, and a limit of 500."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from sessiongate.identity.ldap.connection import NoAnswer, Unsure
from sessiongate.identity.ldap.filter import Filter
from sessiongate.identity.ldap.groups import Groups, ended_badly
from sessiongate.identity.ldap.messages import Entry, Result
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from tests.peers import slapd as peer
from tests.peers.ldap_house import provider_of
from tests.peers.slapd import DIRECTORY, GROUPS, PEOPLE, Slapd, group

TEAMS = [f"team-{number}" for number in range(600)]
LEADS = f"cn=leads,{GROUPS}"
STAFF = f"cn=staff,{GROUPS}"
LAST = f"cn={TEAMS[-1]},{GROUPS}"
CAROL = ("carol", "carol's password 1")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A directory where carol is in 601 groups, one of them held by `leads`."""
    if why := peer.missing():
        pytest.skip(why)
    teams = [*(group(name, "uid=carol") for name in TEAMS), group("leads", f"cn={TEAMS[-1]}")]
    folder = tmp_path_factory.mktemp("crowded")
    with Slapd(folder, entries=[*DIRECTORY, *teams], limits="sizelimit 500") as running:
        yield running


@pytest.mark.peer
@pytest.mark.parametrize(
    "more",
    [
        {"groups": {STAFF: "operator"}},
        {"groups": {LAST: "operator"}},
        {"groups": {STAFF: "operator"}, "group_depth": 0},
        # Nothing is listed at the entry itself.
        {"groups": {STAFF: "operator"}, "groups_attribute": "seeAlso"},
        {"groups": {LAST: "operator"}, "groups_attribute": "seeAlso"},
        {"groups": {LAST: "operator"}, "groups_attribute": "seeAlso", "group_depth": 0},
        # Through a group that the search leaves out.
        {"groups": {LEADS: "operator"}},
        {"groups": {LEADS: "operator"}, "group_depth": 1},
        # More names than one filter holds.
        {"groups": {f"cn=none-{n},{GROUPS}": "user" for n in range(120)} | {LEADS: "operator"}},
    ],
)
async def test_who_is_in_more_groups_than_a_search_finds_has_the_roles(
    crowded: Slapd, more: dict[str, object]
) -> None:
    provider = provider_of(crowded, **more)
    try:
        found = await provider.authenticate(parse_account(CAROL[0]), Secret(CAROL[1]))
        assert found.roles == ("operator",)
        assert await provider.find(parse_account("carol")) == found
    finally:
        await provider.close()


@pytest.mark.peer
async def test_what_a_directory_cuts_and_nothing_else_tells_is_said_in_the_log(
    crowded: Slapd,
) -> None:
    provider = provider_of(crowded, groups={LEADS: "operator"}, groups_attribute="seeAlso")
    try:
        with capture_logs() as logs:
            found = await provider.authenticate(parse_account(CAROL[0]), Secret(CAROL[1]))
    finally:
        await provider.close()
    assert found.roles == ("user",)
    told = [one for one in logs if one["event"] == "directory cuts the list of groups"]
    assert [one["entry"] for one in told] == [f"uid=carol,{PEOPLE}"]
    assert "group_depth" in told[0]["what"]


class Cutting:
    """Answers searches out of a list of groups and their members, and so many at the most."""

    def __init__(self, members: dict[str, set[str]], most: int = 3, code: int = 4) -> None:
        self._members = members
        self._most = most
        self._code = code
        self.searches = 0

    async def __call__(
        self,
        base: str,
        found: Filter,
        attributes: list[str],
        *,
        subtree: bool = True,
        most: int = 0,
    ) -> tuple[list[Entry], Result]:
        del base, attributes, subtree, most
        self.searches += 1
        text = repr(found)
        named = text.startswith("All(")
        entries = [
            Entry(name, {})
            for name, members in sorted(self._members.items())
            if any(f"b{member!r}" in text for member in members)
            and (not named or f"b{name[3:]!r}" in text)
        ]
        if len(entries) > self._most:
            return entries[: self._most], Result(self._code, "too many")
        return entries, Result(0, "")


def groups_of(*wanted: str, depth: int = 8, attribute: str = "memberOf") -> Groups:
    return Groups(
        "corp",
        wanted,
        base="dc=x",
        depth=depth,
        chain=False,
        attribute=attribute,
        name_attribute="uid",
    )


@pytest.mark.parametrize("code", [3, 4, 11])
async def test_rounds_above_are_asked_in_smaller_parts_where_they_are_cut(code: int) -> None:
    """Three groups, each held by two more: three searches find what one may not."""
    lower = {f"cn=low{n}": {"uid=ada"} for n in range(3)}
    upper = {f"cn=high{n}{m}": {f"cn=low{n}"} for n in range(3) for m in range(2)}
    search = Cutting({**lower, **upper, "cn=top": {"cn=high21"}}, code=code)
    found = await groups_of("cn=top").of(search, Entry("uid=ada", {"uid": (b"ada",)}))
    assert "cn=top" in found


async def test_one_group_held_by_too_many_still_finds_the_wanted_one() -> None:
    upper = {f"cn=high{n}": {"cn=low"} for n in range(9)}
    search = Cutting({"cn=low": {"uid=ada"}, **upper})
    found = await groups_of("cn=high8").of(search, Entry("uid=ada", {}))
    assert "cn=high8" in found


async def test_nobody_asks_on_when_all_that_counts_is_known() -> None:
    search = Cutting({"cn=a": {"uid=ada"}, "cn=b": {"cn=a"}, "cn=c": {"cn=b"}})
    await groups_of("CN=A").of(search, Entry("uid=ada", {}))
    assert search.searches == 1


async def test_too_many_of_the_same_name_are_no_answer() -> None:
    with pytest.raises(Unsure, match="too many groups"):
        await groups_of("cn=a", depth=0).of(_AlwaysCut(), Entry("uid=ada", {}))


class _AlwaysCut:
    async def __call__(
        self,
        base: str,
        found: Filter,
        attributes: list[str],
        *,
        subtree: bool = True,
        most: int = 0,
    ) -> tuple[list[Entry], Result]:
        del base, found, attributes, subtree, most
        return [], Result(4, "")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1, NoAnswer), (32, NoAnswer), (51, NoAnswer), (3, Unsure), (11, Unsure), (18, Unsure)],
)
def test_a_search_that_ends_badly_is_the_server_s_trouble_or_the_question_s(
    code: int, kind: type[NoAnswer]
) -> None:
    assert type(ended_badly("the search", Result(code, "why"))) is kind
