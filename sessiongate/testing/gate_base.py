"""What every gate has, whether its server runs in this process, in a child or elsewhere."""

import ssl
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from sessiongate.faults.scenarios import scenario_of
from sessiongate.operations.control import SessionRow
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.testing.client_env import variables
from sessiongate.testing.context import OverInTheEnd
from sessiongate.testing.observed import LeakedSessions, describe_session
from sessiongate.testing.placed_fault import PlacedFault, PlacedScenario
from sessiongate.testing.users import TestUser


class GateBase(OverInTheEnd):
    """A server for tests; a context manager, also for `async with`."""

    url: str
    """Where clients are served: `https://127.0.0.1:PORT`."""
    ca: Path | None
    """The certificate that clients trust; None where the server speaks plain HTTP."""
    users: Mapping[str, TestUser]

    @abstractmethod
    def close(self) -> None:
        """Leave the server, and stop it where it is ours. Idempotent."""

    def _end(self) -> None:
        self.close()

    def ssl_context(self) -> ssl.SSLContext:
        """A context that trusts this server's certificate, and no other. ValueError without TLS."""
        if self.ca is None:
            raise ValueError(self._without_ca)
        return ssl.create_default_context(cafile=str(self.ca))

    _without_ca = "this server speaks plain HTTP (tls=False)"

    def env(self, kind: str, user: str = "") -> Mapping[str, str]:
        """Variables for a client that is started: `govc`, `requests`, `curl`, `zerto`, `powercli`.

        As this user, by default the first. To be added to the environment, for example
        `subprocess.run(…, env={**os.environ, **gate.env("govc")})`.
        """
        who = self.users[user] if user else next(iter(self.users.values()))
        return variables(kind, self.url, who.name, who.password, self.ca)

    def fault(self, name: str, **told: object) -> PlacedFault:
        """Have requests meet a fault, for as long as the result is entered, or until `reset`.

            with gate.fault("login.slow", seconds=5, times=1) as fault:
                my_client.login()
            fault.must_hit()

        docs/faults.md lists faults with their arguments, and what else a rule may say: `skip`,
        `times`, `every`, `probability`, `for` (written with an underscore after it), `then`, and
        which requests it is about (`user`, `dialect`, `operation`, `agent`, `session`, `address`,
        `test`). Raises ConfigError for what is none of these.
        """
        return self.rule({"fault": name, **told})

    @abstractmethod
    def rule(self, told: Mapping[str, object]) -> PlacedFault:
        """The same for a whole rule, as JSON has it."""

    def scenario(self, name: str) -> PlacedScenario:
        """The same for all rules of a scenario, such as `cap-550`: docs/faults.md lists them.

        Raises ConfigError for a name that is none.
        """
        return PlacedScenario([self.rule(told) for told in scenario_of(name)])

    @abstractmethod
    def sessions(self, user: str | None = None) -> list[SessionRow]:
        """The live sessions, of this user or of all, the oldest first."""

    def assert_no_open_sessions(self) -> None:
        """Raises LeakedSessions, an AssertionError, which names what is open, and its client."""
        if left := self.sessions():
            raise LeakedSessions(
                "\n".join([f"{len(left)} open sessions:", *map(describe_session, left)])
            )


def roles_in(users: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    """The users that `start` was given, with their roles: administrators where none are named."""
    return users if isinstance(users, Mapping) else dict.fromkeys(users, ADMINISTRATOR)


def settings_in(
    settings: Mapping[str, object] | None, profile: str | None, idle_timeout: str | None
) -> dict[str, object]:
    """The settings that `start` was given, by dotted name."""
    given = dict(settings or {})
    given |= {"sessions.profile": profile} if profile is not None else {}
    given |= {"sessions.idle_timeout": idle_timeout} if idle_timeout is not None else {}
    return given
