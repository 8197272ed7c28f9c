"""How an interpreter says that it was built."""

from bench.tools.facts import build_of
from tests.each import each


@each(
    ("settings", "said"),
    [
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'"}, "PGO yes, LTO yes"),
        ({"PY_CFLAGS": "-O3 -fprofile-use -fprofile-correction"}, "PGO yes, LTO not told"),
        (
            {"CONFIG_ARGS": "'--enable-shared'", "PGO_PROF_GEN_FLAG": "-fprofile-generate"},
            "PGO not told, LTO not told",
        ),
        ({"CONFIG_ARGS": None, "Py_DEBUG": 1}, "PGO not told, LTO not told, debug build"),
        ({"Py_GIL_DISABLED": 1}, "PGO not told, LTO not told, free-threaded"),
    ],
)
def test_what_is_not_told_is_not_known_to_be_absent(settings: dict[str, object], said: str) -> None:
    assert build_of(settings) == said
