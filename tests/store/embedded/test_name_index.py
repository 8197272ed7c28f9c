"""The index by name says what a plain dict says, whatever comes and goes."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.store.embedded.name_index import NameIndex
from sessiongate.store.embedded.wheel import SessionRecord
from sessiongate.testing import T0, a_session, digest_of

NAMES = ("ann", "Ann", "bob")
FORMS = [a_session(principal=name) for name in NAMES]

steps = st.lists(st.tuples(st.booleans(), st.integers(0, 11)), max_size=60)


@given(steps)
def test_of_each_name_there_is_what_was_put_last_first(story: list[tuple[bool, int]]) -> None:
    rows = {
        digest_of(str(number)): SessionRecord(
            digest_of(str(number)), str(number), FORMS[number % 3], T0, T0, 0
        )
        for number in range(12)
    }
    index = NameIndex(rows.__getitem__)
    model: list[SessionRecord] = []
    for puts, number in story:
        kept = rows[digest_of(str(number))]
        if kept in model:
            index.drop(kept)
            model.remove(kept)
        if puts:
            index.put(kept)
            model.append(kept)
    for name in ("ann", "bob", "nobody"):
        wanted = [one for one in reversed(model) if one.facts.principal.lower() == name]
        assert index.of(name) == wanted
        assert index.of(name, len(wanted)) == wanted
        if wanted:
            assert index.of(name, len(wanted) - 1) is None
