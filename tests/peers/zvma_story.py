"""The public wrapper of the ZVM appliance logs in and looks around: HOST PORT CA USER PASSWORD.

Run by the interpreter of the environment of `setup`. The wrapper gets its token in a thread of its
own, which ends where the site cannot be read. What came of it is printed as JSON.
"""

import contextlib
import io
import json
import logging
import sys
import threading
from typing import Any

with contextlib.redirect_stdout(io.StringIO()):  # it greets whoever imports it
    from zvma10 import zvmsite  # type: ignore[import-not-found]


def tell(host: str, port: str, ca: str, user: str, password: str) -> dict[str, Any]:
    """What the wrapper found."""
    quiet = logging.getLogger("zvma")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    named = threading.Event()

    class Watched(zvmsite):  # type: ignore[misc]
        """The wrapper, and a word when it has the site's name: the last thing it asks for."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "site_name" and value is not None:
                named.set()

    site = Watched(
        host, user, password, int(port), verify_ssl=ca, logger=quiet, stats=False, loglevel="error"
    )
    site.connect()
    facts: dict[str, Any] = {"authenticated": named.wait(60) and site.is_authenticated()}
    facts["site"] = [site.site_id, site.site_name]
    facts["local_site"] = site.local_site()["SiteIdentifier"] == site.site_id
    for name in ("vms", "vpgs", "alerts", "events", "tasks", "peer_sites"):
        facts[name] = getattr(site, name)()
    facts["still renewing"] = site.__auththread__.is_alive()
    site._running = False  # its own disconnect waits for ten seconds
    return facts


if __name__ == "__main__":
    json.dump(tell(*sys.argv[1:]), sys.stdout)
