"""Logins, guessing and lockout over the wire: requirements 21 to 32, over every dialect."""

import http.client
import json
import os
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from sessiongate.identity.local.hashing import USUAL
from sessiongate.identity.local.stored_hash import make_hash
from tests.each import each
from tests.end_to_end.serving import NOBODY, OTHER, USER, Client, Server, add_people, with_people
from tests.ranks import ALIKE, TIMES, chance_of_longer
from tests.security.dialects import DIALECTS, Dialect, each_dialect, over_dialects
from tests.until import PATIENCE

MakeServer = Callable[..., Server]
Someone = Callable[[str], tuple[str, str]]


# Each refusal stands alone in the audit, where these tests count them.
UNMERGED = "[audit]\nrefusals_per_minute = 100000\n"

# Long enough that no test waits for it; the half of it is not reached either.
STRICT = f"""{UNMERGED}
[lockout]
attempts = 4
duration = "10m"
[identity.local]
type = "file"
domains = ["CORP", "corp.example"]
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that locks a name after four failures."""
    folder = tmp_path_factory.mktemp("strict") / "data"
    with with_people(folder, settings=STRICT, keep_alive=True) as server:
        yield server
        server.stop()


@pytest.fixture
def victim(strict: Server, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A user of the strict server whom no other test has locked."""
    person = (f"v{abs(hash(request.node.name))}", "victim's pass")
    add_people(strict.data_dir / "users.toml", {person: "user"})
    return person


# 21, 22: one counter per person, on every path


@pytest.mark.slow
@pytest.mark.parametrize("begin", range(len(DIALECTS)), ids=lambda at: f"from {DIALECTS[at]}")
def test_sec_21_22_all_spellings_and_all_dialects_count_together(
    begin: int, strict: Server, victim: tuple[str, str]
) -> None:
    name, password = victim
    spellings = [name, name.upper(), f"CORP\\{name}", f"{name}@corp.example"]
    # The first four tries, each in another spelling and another dialect, use all that there are.
    others = [*DIALECTS[begin:], *DIALECTS[:begin]]
    for spelling, dialect in zip(spellings, others, strict=False):
        assert not dialect.worked(dialect.login(strict, spelling, "wrong"))
    for dialect in DIALECTS:
        for spelling in (name, f"\\{name}", f" {name} ", f"{name}@CORP"):
            assert not dialect.worked(dialect.login(strict, spelling, password)), dialect.name
    # And nobody else is locked.
    assert DIALECTS[0].worked(DIALECTS[0].login(strict, *OTHER))


@pytest.mark.slow
@over_dialects
def test_sec_22_what_one_dialect_locks_is_locked_in_all(
    dialect: Dialect, strict: Server, victim: tuple[str, str]
) -> None:
    live = dialect.token(strict, victim)
    for _ in range(4):
        assert not dialect.worked(dialect.login(strict, victim[0], "wrong"))
    for other in DIALECTS:
        assert not other.worked(other.login(strict, *victim)), other.name
    # A lock is about logging in: who is in stays in.
    assert dialect.is_alive(strict, live)


# 23: parallel guesses


@pytest.mark.slow
@over_dialects
def test_sec_23_parallel_guesses_count_each(
    dialect: Dialect, strict: Server, victim: tuple[str, str]
) -> None:
    ready = threading.Barrier(16)

    def guess(number: int) -> None:
        with strict.connected() as client:
            dialect.check(client, {})
            ready.wait(PATIENCE)
            dialect.login(client, victim[0], f"guess {number}")

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert refusals_of(strict, victim[0]) == {"BadCredentials": 4, "LockedOut": 12}
    assert not dialect.worked(dialect.login(strict, *victim))


def refusals_of(server: Server, name: str) -> Counter[str]:
    """Why this name was refused, and how often, as the audit has it."""
    config = f"{server.data_dir}.toml"
    lines = server.run("audit", "export", "--config", config).out.splitlines()
    events = [json.loads(line) for line in lines if name in line]
    return Counter(one["reason"] for one in events if one["event"] == "login refused")


# 24: no difference to see, in words or in time


@pytest.mark.slow
@over_dialects
def test_sec_24_unknown_wrong_disabled_and_locked_read_alike(
    dialect: Dialect, strict: Server, victim: tuple[str, str]
) -> None:
    disabled = (f"{victim[0]}-disabled", "some pass")
    add_people(strict.data_dir / "users.toml", {disabled: "user"})
    config = f"{strict.data_dir}.toml"
    assert strict.run("users", "disable", disabled[0], "--config", config).code == 0
    replies = {
        "wrong": dialect.login(strict, victim[0], "wrong"),
        "unknown": dialect.login(strict, f"{victim[0]}-unknown", "wrong"),
        "disabled": dialect.login(strict, *disabled),
        "without privileges": dialect.login(strict, NOBODY[0], "wrong"),
        "empty": dialect.login(strict, victim[0], ""),
        "unknown domain": dialect.login(strict, f"ELSEWHERE\\{victim[0]}", victim[1]),
    }
    for _ in range(4):
        dialect.login(strict, victim[0], "wrong")
    replies["locked"] = dialect.login(strict, *victim)
    assert not dialect.worked(replies["wrong"])
    for how, reply in replies.items():
        assert reply.without_date() == replies["wrong"].without_date(), how


@pytest.mark.slow
def test_sec_24_unknown_wrong_disabled_and_locked_take_alike(
    make_server: MakeServer,
) -> None:
    """By ranks, forty of each in turns: whatever slows the machine down slows all of them."""
    server = make_server(
        settings=f'{UNMERGED}[lockout]\nattempts = 130\nwindow = "1h"\nduration = "1h"\n',
    )
    dialect = DIALECTS[0]
    assert server.run("users", "disable", OTHER[0], "--config", f"{server.data_dir}.toml").code == 0
    names = {
        "disabled": OTHER[0],
        "unknown": "nobody-at-all",
        "locked": USER[0],
        "wrong": NOBODY[0],
    }
    told = 0
    with server.connected() as client:
        for _ in range(130):
            dialect.login(client, USER[0], "wrong")
        for _ in range(TIMES):
            spans: dict[str, list[float]] = {how: [] for how in names}
            for _ in range(40):
                for how, name in names.items():
                    before = time.perf_counter()
                    reply = dialect.login(client, name, "wrong")
                    spans[how].append(time.perf_counter() - before)
                    assert reply.status == 401
            told += 40
            chances = {how: chance_of_longer(some, spans["wrong"]) for how, some in spans.items()}
            if all(chance == ALIKE for chance in chances.values()):
                break
    assert refusals_of(server, USER[0]) == {"BadCredentials": 130, "LockedOut": told}
    # None of the others is locked by then, or it would be compared with itself.
    for how in ("disabled", "unknown", "wrong"):
        assert set(refusals_of(server, names[how])) == {"BadCredentials"}, how
    assert chances == dict.fromkeys(names, ALIKE)


# 25, 26: whom a lock hits


def _from(server: Server, address: str) -> Client:
    return Client(
        http.client.HTTPSConnection(
            "127.0.0.1",
            server.port,
            timeout=PATIENCE,
            context=server.tls(),
            source_address=(address, 0),
        )
    )


def test_sec_25_a_guesser_locks_out_himself_and_not_his_victim(
    strict: Server, victim: tuple[str, str]
) -> None:
    dialect = DIALECTS[0]
    attacker, owner = _from(strict, "127.0.0.66"), _from(strict, "127.0.0.7")
    try:
        for _ in range(6):
            assert not dialect.worked(dialect.login(attacker, victim[0], "wrong"))
        assert not dialect.worked(dialect.login(attacker, *victim))
        assert dialect.worked(dialect.login(owner, *victim))
        # The owner's success gives the guesser nothing back.
        assert not dialect.worked(dialect.login(attacker, *victim))
    finally:
        attacker.close()
        owner.close()


def test_sec_82_an_owner_gets_in_while_twenty_addresses_guess(
    strict: Server, victim: tuple[str, str]
) -> None:
    """They use up every try that the name has anywhere. The owner has come in from here before."""
    dialect = DIALECTS[0]
    with closing(_from(strict, "127.0.0.7")) as owner:
        assert dialect.worked(dialect.login(owner, *victim))
    for number in range(20):
        with closing(_from(strict, f"127.0.1.{number + 1}")) as guesser:
            for _ in range(4):
                assert not dialect.worked(dialect.login(guesser, victim[0], "wrong"))
    with closing(_from(strict, "127.0.0.8")) as stranger:
        assert not dialect.worked(dialect.login(stranger, *victim)), "locked everywhere else"
    with closing(_from(strict, "127.0.0.7")) as owner:
        assert dialect.worked(dialect.login(owner, *victim))


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "X-Forwarded-Host"]
)
def test_sec_26_a_claimed_address_is_not_believed(
    name: str, strict: Server, victim: tuple[str, str]
) -> None:
    dialect = DIALECTS[1]
    for number in range(4):
        claim = {name: f"for=203.0.113.{number}" if name == "Forwarded" else f"203.0.113.{number}"}
        assert not dialect.worked(dialect.login(strict, victim[0], "wrong", claim))
    locked = dialect.login(strict, *victim, {name: "203.0.113.99"})
    assert not dialect.worked(locked)
    assert strict.vim_login(*USER).json()["ipAddress"] == "127.0.0.1"


# 27, 31: passwords


@over_dialects
def test_sec_27_passwords_are_taken_whole(dialect: Dialect, shared: Server) -> None:
    # bcrypt would cut at 72 bytes; C would cut at a NUL; sloppy code would fold or trim.
    odd = "p" * 72 + "x"
    people = {
        (f"long-{dialect.name}", odd): "user",
        (f"case-{dialect.name}", "PaSs é ☃"): "user",
        (f"blank-{dialect.name}", " padded "): "user",
    }
    add_people(shared.data_dir / "users.toml", people)
    for person in people:
        assert dialect.worked(dialect.login(shared, *person)), person
    for name, near in (
        ("long", odd[:-1]),
        ("long", odd[:-1] + "y"),
        ("long", odd + "x"),
        ("case", "pass é ☃"),
        ("case", "PaSs e ☃"),
        ("blank", "padded"),
    ):
        assert not dialect.worked(dialect.login(shared, f"{name}-{dialect.name}", near)), near


@over_dialects
def test_sec_27_one_password_in_both_forms_of_unicode(dialect: Dialect, shared: Server) -> None:
    """What a Mac sends and what Windows sends is one password, and differs from the bare letter."""
    composed, decomposed = "Zürich caf\u00e9", "Zu\u0308rich cafe\u0301"
    for number, stored in enumerate((composed, decomposed)):
        name = f"forms-{number}-{dialect.name}"
        add_people(shared.data_dir / "users.toml", {(name, stored): "user"})
        for typed in (composed, decomposed):
            assert dialect.worked(dialect.login(shared, name, typed)), typed
        assert not dialect.worked(dialect.login(shared, name, "Zurich cafe"))


@pytest.mark.parametrize("dialect", [one for one in DIALECTS if one.name != "soap"], ids=str)
def test_sec_27_a_nul_does_not_end_a_password(dialect: Dialect, shared: Server) -> None:
    """SOAP is left out: XML cannot hold a NUL."""
    person = (f"nul-{dialect.name}", "before\x00after")
    add_people(shared.data_dir / "users.toml", {person: "user"})
    assert dialect.worked(dialect.login(shared, *person))
    for near in ("before", "before\x00", "before\x00other"):
        assert not dialect.worked(dialect.login(shared, person[0], near))


@each_dialect
@each("name", ["", " ", "\\", "@", "anonymous", USER[0]])
def test_sec_31_nothing_is_no_credential(name: str, dialect: Dialect, shared: Server) -> None:
    reply = dialect.login(shared, name, "")
    assert not dialect.worked(reply)
    assert reply.status in (200, 401, 500)
    if name != USER[0]:
        assert not dialect.worked(dialect.login(shared, name, USER[1]))


# 28, 76: a flood of logins


@contextmanager
def flooded(
    server: Server, connections: int, statuses: Counter[int], addresses: str = "127.0.0.66"
) -> Iterator[None]:
    """So many connections log in under names that do not exist, all the while, each one at a time.

    From one address, or where there is a place for the connection's number in it, from many.
    """
    dialect = DIALECTS[0]
    done = threading.Event()
    begun = threading.Barrier(connections + 1)
    counting = threading.Lock()

    def flood(place: int) -> None:
        number = 0
        with closing(_from(server, addresses.format(place))) as client:
            while not done.is_set():
                number += 1
                reply = dialect.login(client, f"flood-{place}-{number}", "wrong")
                with counting:
                    statuses[reply.status] += 1
                if number == 1:
                    begun.wait(PATIENCE)

    threads = [threading.Thread(target=flood, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    try:
        begun.wait(PATIENCE)
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(PATIENCE)


def test_sec_28_a_flood_of_logins_does_not_stall_the_living(make_server: MakeServer) -> None:
    """Not who is in, nor who comes in from elsewhere.

    A hash on the event loop would hold each check up. In how much time a check is answered says
    more about this machine and its other guests; which thread of the server the processor time of
    the hashes was spent on does not.
    """
    server = make_server(settings="[lockout]\nattempts = 100000\n[hashing]\nqueue = 8\n")
    dialect = DIALECTS[0]
    token = server.vim_token(USER)
    statuses: Counter[int] = Counter()
    before = hashing_seconds(server)
    with flooded(server, 16, statuses), closing(_from(server, "127.0.0.7")) as client:
        for number in range(200):
            assert dialect.is_alive(client, token)
            if number % 40 == 0:
                assert dialect.worked(dialect.login(client, *OTHER))
    # Some were hashed and refused, the others told to come back.
    assert set(statuses) == {401, 503}
    spent = hashing_seconds(server) - before
    # The half: what a hash costs differs by what else is in the caches of the processor.
    assert spent > statuses[401] * seconds_of_a_hash() / 2


def hashing_seconds(server: Server) -> float:
    """Processor time of all threads of the server but the first, which has the event loop."""
    assert server.process is not None
    pid = server.process.pid
    ticks = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if task.name != str(pid):
            # proc(5): after the name in brackets, utime and stime are the 12th and the 13th.
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def seconds_of_a_hash() -> float:
    """Processor time of one hash here, the least of some."""
    spans = []
    for _ in range(5):
        before = time.thread_time()
        make_hash(b"some password", USUAL)
        spans.append(time.thread_time() - before)
    return min(spans)


@pytest.mark.slow
def test_sec_76_an_owner_logs_in_while_one_address_floods(make_server: MakeServer) -> None:
    """Each login of the owner is hashed, and none is told to come back: eight of ten once were.

    Nor does it wait for the whole queue: counted by how many of the flood are answered meanwhile.
    """
    server = make_server(settings='[hashing]\nqueue = 16\nthreads = 1\nverified_cache = "0"\n')
    dialect = DIALECTS[0]
    waited = []
    statuses: Counter[int] = Counter()
    with flooded(server, 40, statuses), closing(_from(server, "127.0.0.7")) as client:
        for _ in range(8):
            before = statuses[401]
            assert dialect.login(client, *USER).status == 200
            waited.append(statuses[401] - before)
    assert statuses[503], "the queue was full all the while"
    assert min(waited) < 16, waited


NETWORKS = 64


@pytest.mark.slow
def test_sec_76_who_was_here_before_and_who_is_new_get_in_while_networks_flood(
    make_server: MakeServer,
) -> None:
    """64 networks with one login each in flight keep a queue of 16 full.

    An address from which somebody has come in before is never told to come back, also after a
    restart while it has a session. One that is new is served before the others had two turns each.
    """
    server = make_server(settings='[hashing]\nqueue = 16\nthreads = 1\nverified_cache = "0"\n')
    dialect = DIALECTS[0]
    with closing(_from(server, "127.0.0.7")) as client:
        assert dialect.login(client, *USER).status == 200
    server.restart()
    statuses: Counter[int] = Counter()
    waited = []
    with (
        flooded(server, NETWORKS, statuses, addresses="127.1.{}.1"),
        closing(_from(server, "127.0.0.7")) as client,
        closing(_from(server, "127.2.0.8")) as newcomer,
    ):
        for _ in range(8):
            before = statuses[401]
            assert dialect.login(client, *USER).status == 200
            waited.append(statuses[401] - before)
        before = statuses[401]
        while (status := dialect.login(newcomer, *OTHER).status) != 200:
            assert status == 503
            assert statuses[401] - before < 2 * NETWORKS
    assert statuses[503], "the queue was full all the while"
    assert min(waited) < 8, waited


# 29: what is no Basic credential


def _raw(data: bytes) -> str:
    return "Basic " + b64encode(data).decode()


BAD_BASIC = {
    "no colon": _raw(b"ursula"),
    "nothing": _raw(b""),
    "only a colon": _raw(b":"),
    "no name": _raw(b":user pass 1"),
    "bad base64": "Basic %%%%",
    "no padding": _raw(b"ursula:user pass 11").rstrip("="),
    "scheme alone": "Basic",
    "empty": "",
    "another scheme": "Bearer abc",
    "digest": 'Digest username="ursula"',
    "control letters": _raw(b"ursula\r\nX-Evil: 1:user pass 1"),
    "nul": _raw(b"ursula\x00:user pass 1"),
    "lone surrogate": _raw(b"\xed\xa0\x80:x"),
    "long name": _raw(b"u" * 10_000 + b":x"),
    "two credentials": _raw(b"ursula:user pass 1") + ", " + _raw(b"ursula:user pass 1"),
    "not ASCII": "Basic \xe9\xe9\xe9\xe9",
}


@each("path", [one.path for one in DIALECTS if one.name in ("zerto", "api", "rest")])
@each("how", BAD_BASIC)
def test_sec_29_what_is_no_credential_gets_a_clean_401(how: str, path: str, shared: Server) -> None:
    reply = shared.request("POST", path, {"Authorization": BAD_BASIC[how]})
    assert reply.status == 401
    (challenge,) = reply.all("www-authenticate")
    assert challenge.startswith("Basic realm=")
    assert reply.header("x-evil") is None


@pytest.mark.parametrize(
    "path", [one.path for one in DIALECTS if one.name in ("zerto", "api", "rest")]
)
def test_sec_29_a_megabyte_of_credential_is_refused(path: str, shared: Server) -> None:
    with shared.connected() as client:
        connection = client.connection
        connection.putrequest("POST", path)
        connection.putheader("Authorization", "Basic " + "QUFB" * 250_000)
        connection.putheader("Content-Length", "0")
        # It need not read on once it has seen enough.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders()
        reply = connection.getresponse()
        assert reply.status in (400, 401, 431)
        reply.read()


def test_sec_29_a_line_break_in_the_header_is_refused(shared: Server) -> None:
    good = b64encode(b":".join(text.encode() for text in USER))
    answer = shared.raw(
        b"POST /v1/session/add HTTP/1.1\r\nHost: x\r\nAuthorization: Basic\r\n "
        + good
        + b"\r\nContent-Length: 0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
