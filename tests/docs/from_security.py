"""The table of security requirements: what each asks, in our words, and the tests that hold it.

The tests are found by their names, `test_sec_NN_...`. `PARTLY` names what no test can hold yet,
because the part of the server that it is about does not exist.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.docs.tables import code, table

TESTS = Path(__file__).resolve().parents[1]
CONTRACTS = TESTS.parent / "sessiongate" / "testing"
_NAME = re.compile(r"^\s*(?:async )?def test_sec_((?:\d\d_)+)(\w+)", re.MULTILINE)

REQUIREMENTS: Mapping[int, str] = {
    1: "Tokens come from the system's random source, hold 128 random bits or more, and mean "
    "nothing.",
    2: "At rest there is only a digest of the token; the public key of a session is another thing.",
    3: "Each login gives a new token; a token that the client brings along is never taken over.",
    4: "Unknown, forged and ended tokens look the same.",
    5: "The server itself enforces the idle limit, to the second.",
    6: "The absolute limit holds whatever the activity.",
    7: "Probes that the server makes for itself do not count as the client's activity.",
    8: "A logout holds at once in every process and on every node.",
    9: "Ending a session twice does no harm and gets the documented answer.",
    10: "An ended session stays ended after a restart, after a crash, and when the clock is set "
    "back.",
    11: "Disabling or removing a user ends the user's sessions, leases and tickets.",
    12: "A changed password ends the sessions opened with the old one.",
    13: "An administrator can end one session, all of a user, or all.",
    14: "A user sees and ends only the user's own sessions.",
    15: "Caps on sessions are exact under parallel logins, and documented.",
    16: "A clone ticket works once, for a minute, is no session, and dies with its session.",
    17: "Impersonation needs its privilege, never gives more privileges, and is written down with "
    "both names.",
    18: "Tokens and passwords never get into an address, log, error or label; one in an address "
    "is ignored.",
    19: "Two different sessions in one request are refused.",
    20: "Cookies are HttpOnly and, over TLS, Secure, with a path and without a domain.",
    21: "All spellings of a name share one count of failed logins.",
    22: "A lock holds on every way in.",
    23: "Parallel tries cannot get past the limit.",
    24: "Unknown, wrong, locked and disabled give the same reply and cost the same work.",
    25: "A guesser locks himself out and not his victim; an operator can unlock.",
    26: "The client's address is taken from a trusted proxy only.",
    27: "Passwords are hashed with argon2id, whole and unchanged, however long.",
    28: "Hashing is bounded, so that a flood of logins does not hold up live sessions.",
    29: "A malformed Basic header gets a clean 401.",
    30: "There are no default credentials; bootstrap happens once.",
    31: "Empty names and empty passwords never log in.",
    32: "AuthenticationMethod selects the directory; a refusal is not taken to another one.",
    33: "Forward-auth believes forwarding headers from configured proxies only, by default none.",
    34: "Identity headers from clients are dropped in every spelling.",
    35: "A Connection header cannot remove our security headers.",
    36: "No user agent, suffix, fragment or query gets around a check.",
    37: "An original address that cannot be read is denied.",
    38: "Host and path are made canonical once; deciding and forwarding use the same bytes.",
    39: "Decisions go by the raw path, never by a rebuilt address.",
    40: "Ambiguous framing is refused with 400, and the connection is closed.",
    41: "Forwarded requests are built anew; lengths and encodings are not copied.",
    42: "Line ends in any value cannot split a header or a log line.",
    43: "Clients' credentials never reach upstreams, and upstreams' tokens never reach clients.",
    44: "Redirects go only to listed targets.",
    45: "Only listed methods are taken; plain HTTP on a TLS port is not redirected.",
    46: "The set of upstreams is closed: nothing in a request can name another.",
    47: "Body, head and time are limited; slow and huge senders are cut off.",
    48: "When a decision cannot be made, the answer is no; our snippets for proxies say so too.",
    49: "DTDs, entities and external references are refused before they are read.",
    50: "XML is limited in depth, attributes and size, in every encoding.",
    51: "Faults have the right type and a general text, and never a stack trace.",
    52: "Every string in XML output is escaped.",
    53: "LoginByToken is off until a signer is configured; identity is read from what is signed.",
    54: "Times, audience and single use of a SAML token are checked.",
    55: "Issuer, audience, expiry and algorithm of OIDC tokens are pinned.",
    56: "Many cold clients cause one upstream login per place.",
    57: "The cap of a pool holds across processes and nodes.",
    58: "A refused upstream login stops further tries for a while.",
    59: "Waiters of a pool are bounded, served in order, and told when to come back.",
    60: "Nothing of one user ever reaches another through the pool.",
    61: "Calls that leave state upstream keep their lease, and it is cleaned afterwards.",
    62: "A call is repeated once when its upstream session had ended, since it did not run; after "
    "an unknown outcome only one without effect is.",
    63: "A dead upstream session is replaced; an outage heals without a restart.",
    64: "Upstream sessions are renewed before their age limit.",
    65: "A stop logs out every upstream session; a start clears up after a crash.",
    66: "A broken upstream reply becomes a fault of the dialect and harms nobody else.",
    67: "Upstream certificates are verified; doing without is loud.",
    68: "Secrets are never shown by any command, and upstream secrets are encrypted or kept "
    "elsewhere.",
    69: "Every decision, refusal and end of a session is written down.",
    70: "The audit log shows tampering, is bounded, and a failure to write it is seen.",
    71: "The console has a strict content policy and refuses cross-site requests.",
    72: "The admin plane has a listener of its own, on loopback by default.",
    73: "Nobody holds up the others by what he sends: work for one connection, and for all, is "
    "bounded for each turn of the event loop.",
    74: "Every accepted socket counts, also before its TLS handshake; descriptors are kept back "
    "for the store and for operators.",
    75: "Bytes held for callers who are not known yet have one bound for all connections together; "
    "so have replies that they do not read.",
    76: "The queue for password hashing is fair between addresses.",
    77: "A person has one count of failed logins, however many names a directory knows.",
    78: "Refusals that cost nothing never push decisions about an identity out of the audit.",
    79: "Whether a caller is local is proved, and never assumed of what a proxy forwards.",
    80: "A command run as root on another account's data directory acts as that account and "
    "follows no links.",
    81: "Carriers of a session that disagree are refused in every dialect, the appliance's too.",
    82: "An address from which a name logged in lately is not shut out by guesses from elsewhere.",
    83: "Refusing an unknown name costs as much as checking the dearest stored hash.",
    84: "Names that do not exist never push a guessed name's count out of memory.",
    85: "State changes on cookie and Basic paths refuse requests from a foreign origin.",
    86: "The bootstrap variables work once in the life of a data directory.",
    87: "Refresh tokens rotate; one that comes again after its successor was used ends the "
    "session.",
    88: "Caps on sessions count a name for each provider.",
    89: "The identity that a directory bound and the entry that is read are one person.",
    90: "SIGHUP reloads or says why not, and never ends the server.",
    91: "Only the owner of a session reaches the objects bound to it, also by guessing.",
    92: "An upstream's token, key or cookie never reaches a client, and a client's never the "
    "upstream.",
    93: "Upstream sessions are encrypted at rest, and nothing shows their tokens.",
    94: "Bytes after an upstream's reply never become another client's reply.",
}
"""What each asks."""

PARTLY: Mapping[int, str] = {
    11: "leases of users who are removed, which are logged out when their sessions have ended",
    58: "the alarm",
    62: "half-rotten sessions at a real upstream",
    64: "sessions that clients always have something in, which end by the vCenter's clock",
    92: "tokens in packed files",
}
"""What of a requirement waits for a part that does not exist yet."""


def tests_by_requirement() -> dict[int, list[str]]:
    """The names of the tests that hold each requirement; some hold two."""
    found: dict[int, list[str]] = {}
    # The contracts that every store and provider runs are public, and so stand in the package.
    for path in (*sorted(TESTS.rglob("test_*.py")), *sorted(CONTRACTS.rglob("*.py"))):
        for numbers, name in _NAME.findall(path.read_text(encoding="utf-8")):
            for number in numbers.split("_")[:-1]:
                found.setdefault(int(number), []).append(name)
    return {number: sorted(set(names)) for number, names in found.items()}


def state_of(number: int, names: list[str]) -> str:
    """Open without a test, part where something is missing that a test would have to see."""
    if not names:
        return "open"
    return "part" if number in PARTLY else "held"


def requirements_table() -> str:
    """A row for each requirement, and the count of each state."""
    tests = tests_by_requirement()
    rows = []
    for number, asks in REQUIREMENTS.items():
        names = tests.get(number, [])
        state = state_of(number, names)
        if state == "part":
            asks = f"{asks} *Missing: {PARTLY[number]}.*"
        rows.append((str(number), asks, state, "<br>".join(map(code, names))))
    count = {state: sum(row[2] == state for row in rows) for state in ("held", "part", "open")}
    summary = f"{count['held']} held, {count['part']} in part, {count['open']} open."
    head = ("#", "What it asks", "State", "Tests, without `test_sec_NN_`")
    return f"{summary}\n\n{table(head, rows)}"
