"""All pages of the console, in the order of the menu. The first is what `/console/` shows."""

from sessiongate.operations.console import (
    audit_pages,
    fault_pages,
    keys_page,
    leak_pages,
    overview_pages,
    pool_pages,
    server_pages,
    session_pages,
    user_pages,
)
from sessiongate.operations.console.document import document_page
from sessiongate.operations.console.page import Action, Page
from sessiongate.operations.console.parts import ConsoleParts


def all_pages(parts: ConsoleParts) -> list[Page | Action]:
    """Each module of pages has a line here. Of two paths that fit an address the first counts."""
    lines = [
        *overview_pages.pages(parts),
        *session_pages.pages(parts),
        *leak_pages.pages(parts),
        *audit_pages.pages(parts),
        *user_pages.pages(parts),
        *pool_pages.pages(parts),
        *server_pages.pages(parts),
        *fault_pages.pages(parts),
        *keys_page.pages(),
    ]
    return [*lines, document_page(lines)]
