"""Which addresses browsers are served at: the front page, and the API page with its files."""

from sessiongate.dialects.api_page import front_page, page
from sessiongate.http import router
from sessiongate.http.router import Route


def routes() -> list[Route]:
    """The routes of all pages."""
    pages = page.ApiPage()
    return [
        Route(front_page.PATH, front_page.FrontPage(), router.refuse, dialect="page"),
        *(Route(path, pages, router.refuse, dialect="page") for path in page.PATHS),
    ]
