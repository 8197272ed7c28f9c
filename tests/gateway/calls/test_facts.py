"""What a method says of each call of it."""

from sessiongate.gateway.calls.call import first_of, ids_in
from sessiongate.gateway.calls.facts import facts_of, named
from sessiongate.rules.relay import STATEFUL, Kind, State, judge
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.relayed import read_relayed


def test_what_is_kept_of_a_method_is_what_its_verdict_says() -> None:
    for method in (*STATEFUL, "Fetch", "CurrentTime", "RetrievePropertiesEx", "x" * 300):
        request = read_relayed(envelope(method, "Folder", "group-d1"))
        for _ in range(2):
            facts = facts_of(request)
            verdict = judge("Folder", method)
            assert facts.verdict == verdict
            assert facts.opens is (verdict.kind is Kind.OPENS and verdict.state is not None)
            goes_on = request.pages or verdict.state is State.PAGE
            assert facts.leaves_something is (facts.opens or goes_on)
            assert facts.teaches is (facts.leaves_something or verdict.ends)
            assert facts.goes_home is (verdict.kind is not Kind.STATELESS or request.pages)


def test_names_paths_and_ids_are_those_that_look_like_some() -> None:
    assert [named(text) for text in ("CloneVM_Task", "a b", "x" * 81)] == ["CloneVM_Task", "?", "?"]
    assert [first_of(path) for path in ("viewList[1].x", "Filter.y", "")] == [
        "viewlist",
        "filter",
        "",
    ]
    assert ids_in(["vm-1", "vm-1", "a text", "host-9"]) == ("vm-1", "host-9")
