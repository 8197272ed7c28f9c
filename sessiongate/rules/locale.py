"""Which locale a session gets, and in which of our languages it reads messages.

A locale is `ll` or `ll_CC`: two-letter ISO 639 language, two-letter ISO 3166 country, as the
vSphere reference has it. Known are those that CLDR knows, without their scripts. The server's
default is what the operator set, else the locale of its environment, else English.
"""

import re
from collections.abc import Mapping, Sequence

from babel.core import get_global
from babel.localedata import locale_identifiers

from sessiongate.errors import InvalidLocale

FORM = re.compile(r"[a-z]{2}(?:_[A-Z]{2})?")
FALLBACK = "en"


def _reduced(identifier: str) -> str | None:
    """`zh_Hans_CN` to `zh_CN`, `en_US_POSIX` to `en_US`; None where our form cannot say it."""
    language, *rest = identifier.split("_")
    if rest and len(rest[0]) == 4:  # a script
        rest = rest[1:]
    short = "_".join([language, *rest[:1]])
    return short if FORM.fullmatch(short) else None


SUPPORTED: tuple[str, ...] = tuple(
    sorted({short for short in map(_reduced, locale_identifiers()) if short})
)
_KNOWN = frozenset(SUPPORTED)


def choose(asked: str | None, default: str) -> str:
    """The locale a client gets: what it asked for, or the default when it asked for none.

    Raises InvalidLocale for any other form than `en` or `en_US`, case included, and for a locale
    that the server does not know.
    """
    if asked is None:
        return default
    if FORM.fullmatch(asked) is None:
        raise InvalidLocale("the locale is not of the form en or en_US")
    if asked not in _KNOWN:
        raise InvalidLocale("the locale is unknown to the server")
    return asked


def server_default(setting: str | None, environ: Mapping[str, str]) -> str:
    """The locale of clients that ask for none: the setting, else the environment's, else `en`.

    The environment is read as POSIX has it: the first of LC_ALL, LC_MESSAGES and LANG that is set
    and not empty decides, even where we do not support what it says. Raises InvalidLocale when
    the setting itself is not a locale.
    """
    if setting is not None:
        return choose(setting, FALLBACK)
    said = next(
        (environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), ""
    )
    short = re.split(r"[.@]", said, maxsplit=1)[0]
    return short if short in _KNOWN else FALLBACK


def message_locale(
    locale: str,
    catalogues: Sequence[str] = ("en", "de", "fr", "ja", "ko", "zh_CN", "zh_TW"),
) -> str:
    """The best of our catalogues for this locale: the same, or one of its language and script.

    `en` where none fits: a reader of Hong Kong's Chinese is better off with Taiwan's than with
    Beijing's, but a reader of Portuguese with English.
    """
    if locale in catalogues:
        return locale
    wanted = _language_and_script(locale)
    for catalogue in catalogues:
        if _language_and_script(catalogue) == wanted:
            return catalogue
    return FALLBACK


def _language_and_script(locale: str) -> tuple[str, str]:
    """The language, and the script it is most likely written in there."""
    likely = get_global("likely_subtags")
    language = locale.partition("_")[0]
    full = likely.get(locale) or likely.get(language) or language
    script = next((part for part in full.split("_")[1:] if len(part) == 4), "")
    return language, script
