"""What is under way hears of the accounts that change until it is done."""

import pytest

from sessiongate.identity.guard.overlapping import OverlappingChanges


def test_each_hears_of_what_changes_between_its_beginning_and_its_end() -> None:
    changes = OverlappingChanges[str]()
    changes.tell("before")
    with changes.meanwhile() as first:
        changes.tell("ada")
        with changes.meanwhile() as second:
            changes.tell("bob")
        changes.tell("eve")
    changes.tell("after")
    assert set(first) == {"ada", "bob", "eve"}
    assert set(second) == {"bob"}


def test_who_fails_hears_no_more() -> None:
    changes = OverlappingChanges[str]()
    with pytest.raises(ValueError, match="no"), changes.meanwhile() as changed:
        raise ValueError("no")
    changes.tell("ada")
    assert set(changed) == set()


def test_the_end_of_one_leaves_others_that_have_heard_the_same() -> None:
    changes = OverlappingChanges[str]()
    one, other = changes.meanwhile(), changes.meanwhile()
    first, second = one.__enter__(), other.__enter__()
    one.__exit__(None, None, None)
    changes.tell("ada")
    assert (set(first), set(second)) == (set(), {"ada"})
    other.__exit__(None, None, None)
