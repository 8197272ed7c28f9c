"""A vCenter to put a gateway before: govmomi's simulator, and what is open there.

It is one of the tests' peers (`make peers`).
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PEERS = Path(__file__).parent.parent.parent / ".peers"
SERVICE = ("svc-gateway", "the service's pass 1")
SIZE = 5

_PATIENCE = 600.0


def gateway(port: int) -> dict[str, str]:
    """Settings of a gateway before the simulator at this port, as SECTION__KEY."""
    upstream = {
        "TYPE": "vcenter",
        "URL": f"https://127.0.0.1:{port}",
        "VERIFY": "false",
        "ACCOUNT": "service",
        "USERNAME": SERVICE[0],
        "PASSWORD": SERVICE[1],
        "ROLES": "administrator",
        "MODE": "shared",
        "SIZE": str(SIZE),
        "POOL__QUEUE": "2000",
        "POOL__QUEUE_TIME": "60s",
    }
    return {f"UPSTREAM__VC1__{name}": value for name, value in upstream.items()}


@contextmanager
def simulator() -> Iterator[int]:
    """Its port; it ends with the block."""
    pipe = subprocess.PIPE
    command = [str(PEERS / "bin" / "vcsim"), *SERVICE, "inventory"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().strip().rpartition(":")[2])
        finally:
            process.stdin.close()
            process.wait(20)


def govc(
    url: str, who: tuple[str, str], home: Path, *command: str, ca: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run govc as this person; without a CA no certificate is looked at."""
    home.mkdir(exist_ok=True)
    environ = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "GOVC_URL": f"{url}/sdk",
        "GOVC_USERNAME": who[0],
        "GOVC_PASSWORD": who[1],
        "GOVC_PERSIST_SESSION": "false",
        **({"GOVC_TLS_CA_CERTS": str(ca)} if ca else {"GOVC_INSECURE": "1"}),
    }
    return subprocess.run(
        [str(PEERS / "bin" / "govc"), *command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def sessions_there(home: Path, port: int) -> int:
    """How many sessions the simulator has, but for the one that asks."""
    done = govc(f"https://127.0.0.1:{port}", SERVICE, home, "session.ls", "-json")
    return len(json.loads(done.stdout)["sessionList"]) - 1
