"""Where Swagger UI's files are: in the package `swagger-ui-py`, whose code is not imported."""

from importlib.util import find_spec
from pathlib import Path

FILES = ("favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css")
"""Those that the API page needs."""

HOW = 'pip install "sessiongate[docs]"'
"""How to get them."""

NOT_INSTALLED = "not_installed.html"
"""What is served in place of the pages without them: a file beside this module."""


def folder() -> Path | None:
    """The folder that has all of `FILES`, None where the extra `docs` is not installed.

    Found, not imported: an import would start a web framework.
    """
    spec = find_spec("swagger_ui")
    for place in (spec.submodule_search_locations if spec is not None else None) or ():
        found = Path(place) / "static"
        if all((found / name).is_file() for name in FILES):
            return found
    return None
