"""The audit's chain: no event can change, vanish, or slip in unseen."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.audit_chain import START, ChainVerdict, Link, hash_of, link, verify


def chain(payloads: list[bytes], number: int = 0, before: bytes = START) -> list[Link]:
    made: list[Link] = []
    for payload in payloads:
        made.append(link(number + 1, before, payload))
        number, before = made[-1].number, made[-1].hash
    return made


THREE = chain([b"one", b"two", b"three"])


def test_a_whole_chain_is_whole() -> None:
    verdict = verify(THREE, (0, START), 3)
    assert verdict == ChainVerdict(3, 1, 3, THREE[-1].hash)


def test_an_empty_chain_is_whole() -> None:
    assert verify([], (0, START), 0).broken_at is None


def test_a_chain_goes_on_from_what_was_let_go() -> None:
    assert verify(THREE[1:], (1, THREE[0].hash), 3) == ChainVerdict(2, 2, 3, THREE[-1].hash)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.data())
def test_any_flipped_bit_of_any_payload_is_found_at_its_event(
    payloads: list[bytes], data: st.DataObject
) -> None:
    """Change one bit of one event, and the verification names that event."""
    links = chain([b"x" + payload for payload in payloads])
    at = data.draw(st.integers(0, len(links) - 1))
    changed = bytearray(links[at].payload)
    bit = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << (bit % 8)
    links[at] = Link(links[at].number, bytes(changed), links[at].hash)
    assert verify(links, (0, START), len(links)).broken_at == at + 1


def test_a_rewritten_hash_breaks_the_next_link() -> None:
    forged = Link(2, b"forged", hash_of(2, THREE[0].hash, b"forged"))
    assert verify([THREE[0], forged, THREE[2]], (0, START), 3).broken_at == 3


def test_a_missing_event_is_found_at_front_middle_and_end() -> None:
    assert verify(THREE[1:], (0, START), 3).broken_at == 1
    assert verify([THREE[0], THREE[2]], (0, START), 3).broken_at == 2
    assert verify(THREE[:2], (0, START), 3).broken_at == 3


def test_a_whole_new_chain_lacks_the_head_noted_earlier() -> None:
    noted = THREE[1].hash
    assert verify(THREE, (0, START), 3, noted).known_head_seen
    other = chain([b"one", b"2", b"three"])
    assert verify(other, (0, START), 3).broken_at is None
    verdict = verify(other, (0, START), 3, noted)
    assert (verdict.broken_at, verdict.known_head_seen) == (1, False)


def test_a_head_that_has_become_the_anchor_is_known() -> None:
    assert verify(THREE[1:], (1, THREE[0].hash), 3, THREE[0].hash).broken_at is None


def test_what_events_stand_for_is_added_up_and_what_was_let_go_follows_from_the_first() -> None:
    links = chain([b"1", b"20", b"300"])
    verdict = verify(links[1:], (1, links[0].hash), 3, weigh=int)
    assert (verdict.merged, verdict.pruned, verdict.events) == (320, 1, 2)
    assert verify([], (0, START), 0, weigh=int).pruned == 0
