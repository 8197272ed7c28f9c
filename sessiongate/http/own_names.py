"""Where we are, for documents that tell a client: by the name it asked for, if that is one of ours.

`Host` is whatever a client writes there. What is told is never that text but a name of ours, so
that nobody else's address gets into a document that somebody in between may keep. Nor does anybody
hear a name that he did not ask by, the machine's for instance, but for one that is public.
"""

import re
from collections.abc import Collection, Sequence
from ipaddress import ip_address

from sessiongate.http.message import Request
from sessiongate.networks import canonical_host


class OwnNames:
    """The names and addresses that the server is known by. A leading `*.` stands for one label."""

    def __init__(
        self, names: Sequence[str], public: Sequence[str] = (), ports: Collection[int] = ()
    ) -> None:
        """Whoever asked for none of them is told the first of `public` that is no pattern.

        And the port that was asked for, if it is one of `ports`.
        """
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._patterns = frozenset(name[1:] for name in names if name.startswith("*."))
        self.first = next((name for name in names if name in self._names), "localhost")
        """For those who have shown who they are."""
        self._public = next((name for name in public if not name.startswith("*.")), "localhost")
        self._ports = frozenset(ports)

    def origin(self, request: Request) -> str:
        """Scheme, name and port, as in `https://sg.example.com:9669`."""
        host, asked = canonical_host(request.header("host") or "")
        known = self._known(host)
        port = f":{asked}" if asked and (known or asked in self._ports) else ""
        name = known or self._public
        scheme = "https" if request.secure else "http"
        return f"{scheme}://{f'[{name}]' if ':' in name else name}{port}"

    def _known(self, asked: str) -> str:
        """The name of ours that this is; "" where it is none."""
        if asked.startswith("["):
            try:
                asked = str(ip_address(asked[1:-1]))
            except ValueError:
                return ""
        if asked in self._names:
            return asked
        label, dot, rest = asked.partition(".")
        fits = _LABEL.fullmatch(label) is not None and f"{dot}{rest}" in self._patterns
        return asked if fits else ""


_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
