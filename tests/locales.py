"""`make locales`: what the package holds of CLDR and of the catalogues, so that it needs no Babel.

Two files are made: `sessiongate/rules/locales_known.py` from CLDR's list of locales and their
likely scripts, and `sessiongate/locale/catalogues.json` from the `.po` files, which are what people
edit. Tests fail where one of them is stale.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap

from babel.core import get_global
from babel.localedata import locale_identifiers
from babel.messages.pofile import read_po

PACKAGE = Path(__file__).resolve().parents[1] / "sessiongate"
LOCALES = PACKAGE / "locale"
CATALOGUES = LOCALES / "catalogues.json"
KNOWN = PACKAGE / "rules" / "locales_known.py"

_FORM = re.compile(r"[a-z]{2}(?:_[A-Z]{2})?")

_HEAD = '''"""The locales that CLDR knows, by the script they are most likely written in.

Made by `make locales` from CLDR's data; not edited by hand. Locales that our form cannot say (three
letters, several scripts) are left out.
"""

BY_SCRIPT: dict[str, str] = {
'''


def reduced(identifier: str) -> str | None:
    """`zh_Hans_CN` to `zh_CN`, `en_US_POSIX` to `en_US`; None where our form cannot say it."""
    language, *rest = identifier.split("_")
    if rest and len(rest[0]) == 4:  # a script
        rest = rest[1:]
    short = "_".join([language, *rest[:1]])
    return short if _FORM.fullmatch(short) else None


def likely_script(locale: str) -> str:
    """The script a locale is most likely written in, by CLDR's likely subtags."""
    likely: Mapping[str, str] = get_global("likely_subtags")
    language = locale.partition("_")[0]
    full = likely.get(locale) or likely.get(language) or language
    return next(part for part in full.split("_")[1:] if len(part) == 4)


def known_module() -> str:
    """The text of the module that lists the known locales."""
    by_script: dict[str, list[str]] = {}
    for locale in sorted({short for short in map(reduced, locale_identifiers()) if short}):
        by_script.setdefault(likely_script(locale), []).append(locale)
    rows = []
    for script, locales in sorted(by_script.items()):
        lines = wrap(" ".join(locales), 88)
        if len(lines) == 1:
            rows.append(f'    "{script}": "{lines[0]}",\n')
        else:
            inner = "\n".join(f'        "{line} "' for line in lines[:-1])
            rows.append(f'    "{script}": (\n{inner}\n        "{lines[-1]}"\n    ),\n')
    return f"{_HEAD}{''.join(rows)}}}\n"


def catalogues() -> str:
    """The JSON of all catalogues: each English text with its translation, empty ones left out."""
    every: dict[str, dict[str, str]] = {}
    for path in sorted(LOCALES.glob("*/LC_MESSAGES/sessiongate.po")):
        name = path.parents[1].name
        with path.open("rb") as source:
            found = read_po(source, locale=name, abort_invalid=True)
        every[name] = {
            message.id: message.string
            for message in found
            if isinstance(message.id, str) and message.id and isinstance(message.string, str)
            if message.string and not message.fuzzy
        }
    return json.dumps(every, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Write both files."""
    KNOWN.write_text(known_module(), encoding="utf-8")
    CATALOGUES.write_text(catalogues(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
