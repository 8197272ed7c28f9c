"""The wheel hands out whatever is due, whatever was put, dropped and moved before."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.store.embedded.wheel import SessionRecord, Wheel
from sessiongate.testing import T0, a_session, digest_of

FORM = a_session()

steps = st.lists(
    st.tuples(st.sampled_from(["put", "drop"]), st.integers(0, 9), st.integers(0, 5)), max_size=60
)


@given(steps, st.integers(0, 8))
def test_what_is_due_is_what_a_plain_dict_says(story: list[tuple[str, int, int]], at: int) -> None:
    rows = {
        digest_of(str(number)): SessionRecord(digest_of(str(number)), str(number), FORM, T0, T0, 0)
        for number in range(10)
    }
    wheel = Wheel(rows.__getitem__)
    model: dict[bytes, int] = {}
    for deed, number, seconds in story:
        digest = digest_of(str(number))
        if digest in model:
            wheel.drop(rows[digest])
            del model[digest]
        if deed == "put":
            wheel.put(rows[digest], T0 + timedelta(seconds=seconds))
            model[digest] = seconds
    assert {digest for digest, row in rows.items() if row.second} == set(model)
    now = T0 + timedelta(seconds=at)
    due = []
    while (row := wheel.due(now)) is not None:
        due.append(row.digest)
        wheel.drop(row)
    assert sorted(due) == sorted(digest for digest, seconds in model.items() if seconds < at)
