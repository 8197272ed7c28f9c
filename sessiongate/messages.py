"""The words that clients read, in seven languages.

The English text is the message's name, as gettext has it. People edit the `.po` files under
`locale/`; `make locales` writes them into the one JSON file that is read here when a language is
first asked for. Which language a session reads is decided by `rules.locale`.
"""

import re
from functools import cache
from importlib import resources

import msgspec

from sessiongate.rules.locale import message_locale

CATALOGUES: tuple[str, ...] = ("en", "de", "fr", "ja", "ko", "zh_CN", "zh_TW")

MESSAGES: tuple[str, ...] = (
    "Cannot complete login due to an incorrect user name or password.",
    "The session is not authenticated.",
    "Permission to perform this operation was denied.",
    "The locale is invalid or unknown to the server.",
    "A specified parameter was not correct: {name}",
    "The operation is not supported on the object.",
    "The object or item referred to could not be found.",
    "The object '{kind}:{name}' has already been deleted or has not been completely created",
    "The request is not valid.",
    "Invalid URI",
    "No client certificate was presented on this connection.",
    "The client certificate names no subject.",
    "The method '{method}' is not found on this object.",
    "The service is not available now. Try again later.",
    "There are too many sessions.",
    "A general system error occurred.",
    "The request was canceled.",
    "The password has expired.",
    "The requested property '{name}' is not valid.",
)
"""Every message there is, in English. A test checks that each catalogue has them all."""

_FIELD = re.compile(r"\{([a-z]+)\}")


def text(english: str, locale: str, **fields: object) -> str:
    """The message in the best language for this locale, its fields filled in.

    English where a catalogue lacks it. Fields are put in as they are: braces in them mean
    nothing. A field that is not given stays as it is written.
    """
    message = catalogue(message_locale(locale, CATALOGUES)).get(english, english)
    return _FIELD.sub(lambda field: str(fields.get(field[1], field[0])), message)


def catalogue(name: str) -> dict[str, str]:
    """English text to the text of this catalogue; what it does not translate is left out."""
    return _catalogues()[name]


@cache
def _catalogues() -> dict[str, dict[str, str]]:
    file = resources.files("sessiongate").joinpath("locale", "catalogues.json")
    return msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, str]])
