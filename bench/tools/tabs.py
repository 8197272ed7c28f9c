"""A tab of a browser at the console: it signs in, shows a page, and asks whether it has changed."""

import http.client
import re
from html import unescape
from urllib.parse import urlencode

from tools import populate
from tools.table import NotMeasured

_POLLED = re.compile(r'hx-get="([^"]+)"')


class Tab:
    """Somebody who has signed in."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._cookie = ""
        self._polled = "/console/sessions"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        }
        form = urlencode({"name": "bench0", "password": populate.PASSWORD})
        reply, _ = self._ask("POST", "/console/login", form, headers)
        cookie = reply.getheader("set-cookie")
        if cookie is None:
            raise NotMeasured("nobody was let into the console")
        self._cookie = cookie.partition(";")[0]

    def look(self, path: str = "/console/sessions") -> None:
        """Load a page, and have its list from then on."""
        self._seen(self._ask("GET", path, None, {})[1])

    def poll(self) -> bool:
        """Ask for the list as the page does every two seconds. Whether it has changed."""
        reply, text = self._ask("GET", self._polled, None, {"HX-Request": "true"})
        if reply.status == 200:
            self._seen(text)
        return reply.status == 200

    def _seen(self, text: str) -> None:
        found = _POLLED.search(text)
        if found is None:
            raise NotMeasured("the page does not ask for itself again")
        self._polled = unescape(found[1])

    def _ask(
        self, verb: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        if self._cookie:
            headers = {**headers, "Cookie": self._cookie}
        connection.request(verb, path, body, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        if reply.status >= 400:
            raise NotMeasured(f"the console answered {reply.status}")
        return reply, text
