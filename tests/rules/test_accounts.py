"""Account names: one person, one canonical name."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import (
    LONGEST_NAME,
    Account,
    canonical_domain,
    directory_form,
    parse_account,
    plain_letters,
)
from tests.each import each

# Letters that a Windows account name may hold and whose cases are a plain pair. (Some, such as the
# Turkish dotless i, are letters of their own: their upper case is another letter's.)
NAMES = st.text(st.sampled_from("abcdefxyzäöüéßñжд0123456789.-_"), min_size=1, max_size=20).filter(
    lambda text: text.strip(".") == text
)


@each(
    ("typed", "canonical"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("  alice\t\n", "alice"),
        ("\\alice", "alice"),
        (".\\alice", "alice"),
        ("alice@", "alice"),
        ("CORP\\alice", "alice@corp"),
        ("alice@corp", "alice@corp"),
        ("Alice@Corp.Example.", "alice@corp.example"),
        (" corp \\ alice ", "alice@corp"),
        ("\\alice@corp", "alice@corp"),
        ("corp\\alice@corp.example", "alice@corp.example@corp"),
        ("ａｌｉｃｅ", "alice"),
        ("ａｌｉｃｅ＠ｃｏｒｐ", "alice@corp"),
        ("CORP＼alice", "alice@corp"),
        ("al\u200bi\u00adce\ufeff", "alice"),
        ("alice\ufe0f\u034f", "alice"),
        ("Straße", "strasse"),
        ("e\u0301va", "éva"),
        ("svc \u2003 backup", "svc backup"),
        ("root", "root"),
        ("administrator@vsphere.local", "administrator@vsphere.local"),
    ],
)
def test_a_name_is_canonical(typed: str, canonical: str) -> None:
    account = parse_account(typed)
    assert account.canonical == canonical
    assert account.typed == typed


@each(
    ("typed", "asked"),
    [
        ("weiß", "weiß"),
        ("WEISS", "WEISS"),
        (" Alice\t", "Alice"),
        ("CORP\\Weiß", "Weiß"),
        (" corp \\ Weiß ", "Weiß"),
        ("Weiß@Corp.Example.", "Weiß"),
        ("\\Weiß", "Weiß"),
        (".\\Weiß", "Weiß"),
        ("weiß@", "weiß"),
        ("corp\\Alice@Corp", "Alice@Corp"),
        ("müller", "müller"),
        ("mu\u0308ller", "mu\u0308ller"),
        ("ｗｅｉß", "ｗｅｉß"),
        ("svc  backup", "svc  backup"),
        ("al\u200bice", "al\u200bice"),
        # Only the folded form says where these are cut in two.
        ("CORP＼Weiß", "Weiß"),
        ("ｗｅｉß＠ｃｏｒｐ", "weiß"),
        ("İstanbul", "İstanbul"),
        ("ςίσυφος", "ςίσυφος"),
        # Cut in two in another place than the folded form.
        ("\u200b.\\Weiß@corp", "weiss"),
    ],
)
def test_others_are_asked_for_the_name_as_typed(typed: str, asked: str) -> None:
    assert parse_account(typed).asked == asked


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("muller@corp", "muller@corp"),
        ("müller@corp", "muller@corp"),
        ("mu\u0308ller@corp", "muller@corp"),
        ("søren łęçki", "soren lecki"),
        ("œuvre", "oeuvre"),
        ("ガ", "か"),
        ("한글", "한글"),
        ("", ""),
    ],
)
def test_marks_on_letters_are_not_looked_at_for_counting(name: str, plain: str) -> None:
    assert plain_letters(name) == plain
    assert plain_letters(plain) == plain


@given(st.text(max_size=40) | st.text("aßİﬀ@\\＠﹨＼ \u200b.\u0345\u03c2", max_size=12))
def test_what_is_asked_is_what_is_counted(typed: str) -> None:
    """Whatever is typed, the name that others are asked for folds to the name that is counted."""
    try:
        account = parse_account(typed)
    except BadCredentials:
        return
    assert account.asked
    assert parse_account(f"x\\{account.asked}").user == account.user


@each(
    "typed",
    ["", " ", "\\", "@", "@corp", "corp\\", " \\ ", "\u200b", ".\\", "corp\\\u200b", "@corp@"],
)
def test_sec_31_a_name_without_a_user_is_refused(typed: str) -> None:
    with pytest.raises(BadCredentials):
        parse_account(typed)


@pytest.mark.parametrize(
    "typed", ["a\\b\\c", "a@x\\b", "a@b@", "\\a@b@", "al\0ice", "a\nb", "a\x7fb", "\ud800"]
)
def test_a_name_that_could_be_two_is_refused(typed: str) -> None:
    with pytest.raises(BadCredentials):
        parse_account(typed)


def test_a_name_has_a_longest_form() -> None:
    assert parse_account("a" * LONGEST_NAME)
    with pytest.raises(BadCredentials):
        parse_account("a" * (LONGEST_NAME + 1))


@pytest.mark.parametrize("letter", ["\ufdfa", "\u3300", "\ufb03"])
def test_a_name_is_no_longer_when_its_letters_are_written_out(letter: str) -> None:
    """U+FDFA alone is eighteen letters: what counts is what would be remembered."""
    with pytest.raises(BadCredentials, match="too long"):
        parse_account(letter * LONGEST_NAME)
    fits = parse_account(letter * (LONGEST_NAME // 18))
    assert len(fits.canonical) <= LONGEST_NAME


def test_sec_73_a_name_costs_little_more_than_its_normal_form() -> None:
    """Each of its letters was looked up in seven passes: a millisecond for a name of 56 letters."""
    name = "\ufdfa" * 56

    def cost(work: Callable[[str], object]) -> float:
        def once() -> float:
            begun = time.thread_time()
            work(name)
            return time.thread_time() - begun

        return min(once() for _ in range(20))

    def rounds(text: str) -> None:
        for _ in range(6):
            unicodedata.normalize("NFKC", text)

    assert cost(parse_account) < cost(rounds)


@given(st.text(max_size=40) | st.text("ab@\\. \u200bＡ＠", max_size=12))
def test_sec_31_any_text_gives_a_user_or_a_refusal(typed: str) -> None:
    """Whatever a client sends, we get an account with a user, or BadCredentials, nothing else."""
    try:
        account = parse_account(typed)
    except BadCredentials:
        return
    assert account.user
    again = parse_account(account.canonical)
    assert again == Account(account.user, account.domain, account.canonical)


@given(NAMES, NAMES)
def test_sec_21_all_spellings_of_a_name_are_one(user: str, domain: str) -> None:
    spellings = {
        f"{domain}\\{user}",
        f"{user}@{domain}",
        f"{domain.upper()}\\{user.title()}",
        f" {user.upper()}@{domain}. ",
        f"\\{user}@{domain}",
        f"{user[:1]}\u200b{user[1:]}@{domain}",
    }
    assert len({parse_account(spelling).canonical for spelling in spellings}) == 1


@given(st.characters(exclude_categories=("Cs", "Cc")))
def test_a_canonical_name_reads_back_as_itself(letter: str) -> None:
    try:
        canonical = parse_account(f"a{letter}\u0345b").canonical
    except BadCredentials:
        return
    assert parse_account(canonical).canonical == canonical


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Alice", "Alice"),
        (" Alice ", "Alice"),
        ("corp\\Alice", "CORP\\Alice"),
        ("Alice@vsphere.local", "VSPHERE.LOCAL\\Alice"),
        (".\\Alice", "Alice"),
    ],
)
def test_the_directory_form_keeps_the_spelling(typed: str, shown: str) -> None:
    assert directory_form(typed) == shown


@pytest.mark.parametrize("typed", ["corp", "CORP", " Corp. ", "ＣＯＲＰ"])
def test_a_domain_is_canonical(typed: str) -> None:
    assert canonical_domain(typed) == "corp"


@given(st.text(st.characters(max_codepoint=127)))
def test_a_name_in_ascii_has_plain_letters(name: str) -> None:
    assert plain_letters(name) == name
    assert plain_letters(f"{name}ü") == f"{name}u"
