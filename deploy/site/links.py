"""A hook of mkdocs: links that leave docs/ lead to the same file in the repository.

On a forge `../SECURITY.md` works as it is; on the site there is no such page.
"""

import re
from posixpath import dirname, join, normpath
from typing import Protocol

_LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)((?:#[^)\s]*)?)\)")


class _File(Protocol):
    src_uri: str


class _Page(Protocol):
    file: _File


class _Config(Protocol):
    extra: dict[str, str]


def on_page_markdown(markdown: str, page: _Page, config: _Config, **_: object) -> str:
    """The text of a page, its links out of docs/ made absolute."""

    def absolute(link: re.Match[str]) -> str:
        target = normpath(join("docs", dirname(page.file.src_uri), link[1]))
        if target.startswith("docs/"):
            return link[0]
        return f"]({config.extra['repository']}/{target}{link[2]})"

    return _LINK.sub(absolute, markdown)
