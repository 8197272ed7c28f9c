"""What the log hears of an error: kind and place, and no word of what it was about."""

from sessiongate.telemetry.tracebacks import traced


def outer(inner: Exception) -> None:
    try:
        raise inner
    except KeyError as error:
        raise ValueError("hunter2 does not fit") from error
    except IndexError:
        raise ValueError("hunter2 does not fit") from None


def caught(inner: Exception) -> ValueError:
    try:
        outer(inner)
    except ValueError as error:
        return error
    raise AssertionError


def test_an_error_is_told_by_kind_and_place() -> None:
    facts = traced(caught(IndexError("hunter2")))
    assert facts.keys() == {"error", "at"}
    assert facts["error"] == "ValueError"
    places = facts["at"]
    assert isinstance(places, list)
    assert [place.partition(" ")[2] for place in places] == ["caught", "outer"]
    assert all(place.startswith("test_tracebacks.py:") for place in places)


def test_so_is_what_it_was_raised_for() -> None:
    facts = traced(caught(KeyError("hunter2")))
    (before,) = facts["after"] if isinstance(facts["after"], list) else []
    assert before.startswith("KeyError at test_tracebacks.py:")
    assert "hunter2" not in repr(facts)


def test_errors_in_a_circle_come_to_an_end() -> None:
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    assert traced(one)["after"] == ["KeyError"]
