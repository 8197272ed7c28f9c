"""`[server.limits]`: what clients may take, and what strangers may."""

from sessiongate.config.kinds import Count, Duration, PositiveCount, PositiveDuration, Size
from sessiongate.config.kinds import Table as _Table
from sessiongate.config.kinds import setting as _setting


class ServerLimits(_Table):
    """How much a client may send, and how slowly."""

    body: Size = _setting("1MiB", "Largest request body.")
    anonymous_body: Size = _setting(
        "64KiB",
        "Largest request body of a caller that names no live session. A SOAP LoginByToken, which "
        "brings its SAML assertion along, may be as large as body.",
    )
    anonymous_total: Size = _setting(
        "256MiB",
        "Most bytes of requests held at once for callers that are not known, in all connections "
        "of a process together; over TLS each counts twice, as it is held twice. One address may "
        "hold a quarter of it. Beyond it callers are told to come back (503), those of the address "
        "that holds most first, but for requests of up to 4 KiB. So much again may be held of "
        "replies that they do not read; beyond it their connections are closed.",
    )
    header_bytes: Size = _setting("64KiB", "Largest request head, request line included.")
    header_count: PositiveCount = _setting(100, "Most header lines in one request.")
    header_time: PositiveDuration = _setting("10s", "Time to send the request head.")
    body_time: PositiveDuration = _setting(
        "30s", "Time to send the request body; of a file for an upstream, each piece of it."
    )
    keep_alive: PositiveDuration = _setting("75s", "How long an unused connection stays open.")
    connections: PositiveCount = _setting(
        20000,
        "Most connections at once, for each process, counted from the moment they are accepted. "
        "Fewer where the process may not open so many files (ulimit -n, LimitNOFILE).",
    )
    handshakes: PositiveCount = _setting(
        1000, "Most TLS handshakes under way at once; never more than half of connections."
    )
    connections_per_address: Count = _setting(
        0,
        "Most connections at once of one address, 0 for no such limit: offices and proxies share "
        "an address. Those in server.trusted_proxies are not limited.",
    )
    shutdown_grace: Duration = _setting(
        "10s", "How long running requests may take to finish when the server stops."
    )
    shutdown_delay: Duration = _setting(
        "0",
        "How long the server goes on as before when it is told to stop, while /readyz says 503 "
        "already: as long as a load balancer needs to notice. Comes before shutdown_grace.",
    )
