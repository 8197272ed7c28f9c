"""The known locales are CLDR's, each under one script."""

from collections import Counter

from sessiongate.rules.locales_known import BY_SCRIPT
from tests import locales


def test_the_locales_are_those_of_cldr() -> None:
    made = locales.KNOWN.read_text(encoding="utf-8")
    assert made == locales.known_module(), "stale: `make locales` writes it"


def test_a_locale_has_one_script() -> None:
    count = Counter(locale for row in BY_SCRIPT.values() for locale in row.split())
    assert [locale for locale, times in count.items() if times > 1] == []
    assert count["zh_HK"] == count["de_AT"] == 1
