"""Locales: which are known, which a client gets, and the language of its messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import InvalidLocale
from sessiongate.rules.locale import FORM, SUPPORTED, choose, message_locale, server_default
from tests.each import each


def test_the_vendors_examples_are_supported() -> None:
    assert {"en", "en_US", "de", "fr_CA", "zh", "zh_CN", "zh_TW", "ja", "ko"} <= set(SUPPORTED)


def test_supported_locales_are_sorted_and_have_the_vendors_form() -> None:
    assert list(SUPPORTED) == sorted(set(SUPPORTED))
    assert all(FORM.fullmatch(locale) for locale in SUPPORTED)


def test_a_client_that_asks_for_none_gets_the_default() -> None:
    assert choose(None, "fr_CA") == "fr_CA"


@given(st.sampled_from(SUPPORTED))
def test_a_client_gets_what_it_asks_for(locale: str) -> None:
    assert choose(locale, "en") == locale


@each(
    "asked",
    ["", "e", "eng", "EN", "en_us", "en-US", "en_USA", "en_", "_US", "zh_Hans_CN", "en_US.UTF-8",
     " en", "en\n", "en_US\n", "es_419", "C"],
)  # fmt: skip
def test_another_form_is_refused(asked: str) -> None:
    with pytest.raises(InvalidLocale, match="form"):
        choose(asked, "en")


@pytest.mark.parametrize("asked", ["xx", "en_XX", "de_JP", "zz_ZZ"])
def test_an_unknown_locale_is_refused(asked: str) -> None:
    with pytest.raises(InvalidLocale, match="unknown"):
        choose(asked, "en")


@given(st.text(max_size=8))
def test_any_text_is_a_supported_locale_or_refused(asked: str) -> None:
    try:
        assert choose(asked, "en") in SUPPORTED
    except InvalidLocale:
        assert asked not in SUPPORTED


@each(
    ("setting", "environ", "locale"),
    [
        ("en_US", {"LC_ALL": "de_DE"}, "en_US"),
        (None, {}, "en"),
        (None, {"LANG": "de_DE.UTF-8@euro"}, "de_DE"),
        (None, {"LANG": "de_DE@euro"}, "de_DE"),
        (None, {"LANG": "fr"}, "fr"),
        (None, {"LC_MESSAGES": "ja_JP.UTF-8", "LANG": "de_DE"}, "ja_JP"),
        (None, {"LC_ALL": "ko_KR", "LC_MESSAGES": "ja_JP", "LANG": "de_DE"}, "ko_KR"),
        (None, {"LC_ALL": "", "LANG": "de_DE"}, "de_DE"),
        (None, {"LC_ALL": "C", "LANG": "de_DE"}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LANG": "POSIX"}, "en"),
        (None, {"LANG": "tlh_QO"}, "en"),
    ],
)
def test_the_servers_default(setting: str | None, environ: dict[str, str], locale: str) -> None:
    assert server_default(setting, environ) == locale


def test_a_setting_that_is_no_locale_is_refused() -> None:
    with pytest.raises(InvalidLocale):
        server_default("english", {})


@each(
    ("locale", "catalogue"),
    [
        ("en", "en"),
        ("en_US", "en"),
        ("de_AT", "de"),
        ("fr_CA", "fr"),
        ("ja_JP", "ja"),
        ("ko_KR", "ko"),
        ("zh", "zh_CN"),
        ("zh_CN", "zh_CN"),
        ("zh_SG", "zh_CN"),
        ("zh_TW", "zh_TW"),
        ("zh_HK", "zh_TW"),
        ("zh_MO", "zh_TW"),
        ("pt_BR", "en"),
        ("sr_RS", "en"),
        ("xx", "en"),
    ],
)
def test_the_language_of_messages(locale: str, catalogue: str) -> None:
    assert message_locale(locale) == catalogue


def test_only_catalogues_that_exist_are_chosen() -> None:
    assert message_locale("de", catalogues=("en", "fr")) == "en"
