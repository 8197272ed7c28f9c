"""The whole OpenAPI 3.1 document: what each dialect's tables give, put together."""

from sessiongate import __version__
from sessiongate.dialects import openapi as replies
from sessiongate.dialects.automation import openapi as automation
from sessiongate.dialects.openapi import Json
from sessiongate.dialects.vim import openapi as vim
from sessiongate.dialects.vim import openapi_schemas as schemas
from sessiongate.dialects.zerto import openapi as zerto

TITLE = "sessiongate"

_ABOUT = (
    "Sessions for clients of Zerto and of vSphere: log in, be checked, log out. One table of"
    " sessions stands behind both dialects, so a session of either may be shown to the other."
    "\n\nTo try it: for Zerto, press *Authorize*, enter a user under `basic`, and start a session;"
    " for vSphere, fill in user and password of `Login` and execute it. This page then puts the"
    " session of the reply under *Authorize*, and the other operations work. Other programs send"
    " it in the header of the reply's name."
)


def document() -> Json:
    """The document, as JSON writes it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "summary": "A session server for the vSphere and Zerto APIs.",
            "description": _ABOUT,
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [*zerto.tags(), *vim.tags(), *automation.tags()],
        "paths": {**zerto.paths(), **vim.paths(), **automation.paths()},
        "components": {
            "schemas": {
                replies.MESSAGE: replies.message_schema(),
                **zerto.schemas(),
                **schemas.components(),
                **automation.schemas(),
            },
            "responses": {replies.REFUSED: replies.refused(), **vim.responses()},
            "securitySchemes": {**zerto.security_schemes(), **vim.security_schemes()},
        },
    }
