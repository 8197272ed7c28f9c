"""Which locale a session gets, and in which of our languages it reads messages.

A locale is `ll` or `ll_CC`: two-letter ISO 639 language, two-letter ISO 3166 country, as the
vSphere reference has it. Known are those that CLDR knows, without their scripts. The server's
default is what the operator set, else the locale of its environment, else English.
"""

import re
from collections.abc import Mapping, Sequence

from sessiongate.errors import InvalidLocale
from sessiongate.rules.locales_known import BY_SCRIPT

FORM = re.compile(r"[a-z]{2}(?:_[A-Z]{2})?")
FALLBACK = "en"


_SCRIPTS = {locale: script for script, row in BY_SCRIPT.items() for locale in row.split()}

SUPPORTED: tuple[str, ...] = tuple(sorted(_SCRIPTS))


def choose(asked: str | None, default: str) -> str:
    """The locale a client gets: what it asked for, or the default when it asked for none.

    Raises InvalidLocale for any other form than `en` or `en_US`, case included, and for a locale
    that the server does not know.
    """
    if asked is None:
        return default
    if FORM.fullmatch(asked) is None:
        raise InvalidLocale("the locale is not of the form en or en_US")
    if asked not in _SCRIPTS:
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
    return short if short in _SCRIPTS else FALLBACK


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
    language = locale.partition("_")[0]
    return language, _SCRIPTS.get(locale) or _SCRIPTS.get(language, "")
