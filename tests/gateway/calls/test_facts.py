"""What a method says of each call of it."""

import msgspec

from sessiongate.gateway.calls.call import first_of, ids_in
from sessiongate.gateway.calls.facts import facts_of, loggable
from sessiongate.rules.relay import Kind
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.relayed import Relayed, read_relayed
from tests.each import each

LONG = "x" * 300

FACTS = (
    ("Fetch", Kind.STATELESS, ""),
    ("RetrieveProperties", Kind.STATELESS, ""),
    ("RetrievePropertiesEx", Kind.STATELESS, "leaves_something goes_home teaches"),
    ("CreateContainerView", Kind.OPENS, "opens leaves_something goes_home teaches"),
    ("ExportVm", Kind.OPENS, "opens leaves_something goes_home teaches"),
    ("CloneVM_Task", Kind.OPENS, "goes_home"),
    (LONG, Kind.OPENS, "goes_home"),
    ("ModifyListView", Kind.USES, "goes_home uses"),
    ("WaitForUpdatesEx", Kind.WAITS, "goes_home uses"),
    ("DestroyView", Kind.USES, "goes_home uses teaches"),
    ("ContinueRetrievePropertiesEx", Kind.USES, "leaves_something goes_home uses teaches"),
    ("InitiateFileTransferFromGuest", Kind.OPENS, "goes_home hands_out_files"),
    ("InitiateFileTransferToGuest", Kind.OPENS, "goes_home hands_out_files"),
    ("AcquireCloneTicket", Kind.DENY, "goes_home"),
)
"""What becomes of a call of a method, and which facts hold of it."""


class Whole(Relayed, frozen=True):
    """A request whose answer comes whole, whatever its method."""

    @property
    def pages(self) -> bool:
        return False


def request_of(method: str) -> Relayed:
    return read_relayed(envelope(method, "Folder", "group-d1"))


def said_of(request: Relayed) -> set[str]:
    """The facts that hold of it."""
    return {name for name, holds in facts_of(request)._asdict().items() if holds is True}


@each("method, kind, expected", FACTS)
def test_each_method_says_of_its_calls_what_the_table_says(
    method: str, kind: Kind, expected: str
) -> None:
    for _ in range(2):  # found, and found again
        request = request_of(method)
        facts = facts_of(request)
        assert said_of(request) == set(expected.split())
        assert facts.verdict.kind is kind
        assert (facts.method, facts.kind) == ("?" if method is LONG else method, "Folder")


def test_a_read_in_pages_and_the_same_in_one_are_kept_apart() -> None:
    paged = request_of("RetrievePropertiesEx")
    whole = Whole(*msgspec.structs.astuple(paged))
    for _ in range(2):
        assert said_of(whole) == set()
        assert said_of(paged) == {"leaves_something", "goes_home", "teaches"}


def test_names_paths_and_ids_are_those_that_look_like_some() -> None:
    assert [loggable(text) for text in ("CloneVM_Task", "a b", "x" * 81)] == [
        "CloneVM_Task",
        "?",
        "?",
    ]
    assert [first_of(path) for path in ("viewList[1].x", "Filter.y", "")] == [
        "viewlist",
        "filter",
        "",
    ]
    assert ids_in(["vm-1", "vm-1", "a text", "host-9"]) == ("vm-1", "host-9")
