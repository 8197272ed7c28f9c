"""Messages: every catalogue is whole, and fields are filled in safely."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import sessiongate
from sessiongate.messages import CATALOGUES, MESSAGES, catalogue, text
from tests import locales

LOCALES = Path(sessiongate.__file__).parent / "locale"
FIELD = re.compile(r"\{[^}]*\}")


def test_the_catalogues_are_those_on_disk() -> None:
    assert sorted(CATALOGUES) == sorted(one.name for one in LOCALES.iterdir() if one.is_dir())


def test_what_the_server_reads_is_what_people_edit() -> None:
    made = locales.CATALOGUES.read_text(encoding="utf-8")
    assert made == locales.catalogues(), "stale: `make locales` writes it"


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_catalogue_translates_every_message_and_loses_no_field(name: str) -> None:
    with (LOCALES / name / "LC_MESSAGES" / "sessiongate.po").open("rb") as file:
        found = read_po(file, locale=name, abort_invalid=True)
    assert {message.id for message in found if message.id} == set(MESSAGES)
    assert not found.obsolete
    for message in found:
        if message.id:
            assert not message.fuzzy
            assert isinstance(message.string, str)
            assert message.string.strip()
            assert sorted(FIELD.findall(message.string)) == sorted(FIELD.findall(str(message.id)))


def test_a_catalogue_says_each_message_in_words_of_its_own() -> None:
    english = catalogue("en")
    assert english == {message: message for message in MESSAGES}
    for name in CATALOGUES[1:]:
        assert not set(catalogue(name).values()) & set(MESSAGES), name


def test_the_best_language_is_found() -> None:
    expired = "The password has expired."
    assert text(expired, "de_AT") == "Das Kennwort ist abgelaufen."
    assert text(expired, "zh_HK") == text(expired, "zh_TW") != text(expired, "zh_CN")
    assert text(expired, "pt_BR") == expired


def test_what_no_catalogue_has_stays_english() -> None:
    assert text("Something new in {place}.", "ja", place="town") == "Something new in town."


def test_a_field_that_is_not_given_stays_as_it_is_written() -> None:
    assert text(MESSAGES[4], "en") == "A specified parameter was not correct: {name}"


@given(st.text(), st.text(), st.sampled_from(CATALOGUES))
def test_braces_in_values_mean_nothing(kind: str, name: str, locale: str) -> None:
    message = (
        "The object '{kind}:{name}' has already been deleted or has not been completely created"
    )
    assert f"{kind}:{name}" in text(message, locale, kind=kind, name=name)
    assert "{name.__class__}" in text(message, locale, kind="{name.__class__}", name="x")
