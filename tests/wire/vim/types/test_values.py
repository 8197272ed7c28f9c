"""The shorthand in which members are written."""

from sessiongate.wire.vim.types.values import Field, fields, version_of


def test_the_shorthand_says_how_many_and_since_when() -> None:
    assert fields("a:string b:int? c:X* d:X+ e:long@5.1 f:X*@6.7.1", {"a": "A."}) == (
        Field("a", "string", about="A."),
        Field("b", "int", optional=True),
        Field("c", "X", optional=True, array=True),
        Field("d", "X", array=True),
        Field("e", "long", since=(5, 1)),
        Field("f", "X", optional=True, array=True, since=(6, 7, 1)),
    )


def test_versions_compare_as_numbers() -> None:
    assert version_of("6.7.1") == (6, 7, 1)
    assert version_of("9.0.0.0") < version_of("10.0")
    assert version_of("6.0") <= version_of("6.0.0.0")
