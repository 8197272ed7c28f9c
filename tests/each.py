"""Many cases of one statement in one test: each is tried, and each that fails is named."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import wraps
from inspect import Parameter, iscoroutinefunction, signature
from itertools import product
from typing import Any

import pytest

Test = Callable[..., Any]
Ids = Callable[[Any], object] | Iterable[str] | None

_FAILED = (Exception, pytest.fail.Exception)


class _Case(dict[str, Any]):
    """The arguments of a case, and what it is called."""

    def __init__(self, called: str, arguments: dict[str, Any]) -> None:
        super().__init__(arguments)
        self.called = called


def each(
    names: str | Sequence[str], values: Iterable[Any], ids: Ids = None
) -> Callable[[Test], Any]:
    """Like `pytest.mark.parametrize`, for a catalogue: one test that goes on after a failure.

    All cases share the test's fixtures, so that they must leave those as they found them. Several
    of these over one test are their product. A case takes no marks, and what skips one skips the
    test: nothing is left out in silence.
    """
    argnames = [one.strip() for one in names.split(",")] if isinstance(names, str) else list(names)
    if ids is not None and not callable(ids):
        ids = list(ids)
    cases = list(_cases(argnames, values, ids))
    assert cases, f"there is no case of {names}"

    def decorate(test: Test) -> Any:
        inner, plain = getattr(test, "_each", ([_Case("", {})], test))
        both = [
            _Case("-".join(filter(None, (a.called, b.called))), {**a, **b})
            for a, b in product(inner, cases)
        ]
        return _over(plain, both, test)

    return decorate


def _cases(argnames: Sequence[str], values: Iterable[Any], ids: Ids) -> Iterator[_Case]:
    for number, value in enumerate(values):
        called = ids[number] if isinstance(ids, list) else None
        if isinstance(value, type(pytest.param())):
            assert not value.marks, "a case takes no marks: use pytest.mark.parametrize"
            called = called if value.id is None else str(value.id)
            arguments: Sequence[Any] = value.values
        else:
            arguments = [value] if len(argnames) == 1 else value
        if called is None:
            called = "-".join(_called(one, ids, number) for one in arguments)
        yield _Case(called, dict(zip(argnames, arguments, strict=True)))


def _called(value: object, ids: Ids, number: int) -> str:
    said = ids(value) if callable(ids) else None
    text = str(said) if said is not None else value if isinstance(value, str) else repr(value)
    return text if text and len(text) < 80 else f"case {number}"


def _over(plain: Test, cases: list[_Case], decorated: Test) -> Test:
    """A test of all cases, which takes what the plain one takes besides the cases' arguments."""
    given = signature(plain)
    left = [one for name, one in given.parameters.items() if name not in cases[0]]

    def told(subtests: pytest.Subtests, case: _Case, error: BaseException) -> None:
        with subtests.test(case.called):
            raise error

    def run(*self: Any, subtests: pytest.Subtests, **fixtures: Any) -> None:
        for case in cases:
            try:
                plain(*self, **fixtures, **case)
            except _FAILED as error:
                told(subtests, case, error)

    async def run_async(*self: Any, subtests: pytest.Subtests, **fixtures: Any) -> None:
        for case in cases:
            try:
                await plain(*self, **fixtures, **case)
            except _FAILED as error:
                told(subtests, case, error)

    made: Callable[..., Awaitable[None] | None] = run_async if iscoroutinefunction(plain) else run
    made = wraps(decorated)(made)
    del made.__dict__["__wrapped__"]  # what it takes is said here
    made.__dict__["_each"] = (cases, plain)
    made.__dict__["__signature__"] = given.replace(
        parameters=[*left, Parameter("subtests", Parameter.KEYWORD_ONLY)]
    )
    return made
