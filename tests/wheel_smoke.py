"""`wheel_smoke.py COMMAND`: an installed sessiongate serves, a client logs in, looks and logs out.

Run by the interpreter of the environment that the wheel is installed in; needs nothing else.
"""

import base64
import json
import re
import secrets
import subprocess
import sys
import urllib.request

DEADLINE = 30.0


def main(command: str) -> int:
    """Start `dev` on a free port, use it once, stop it. 0 when all of it worked."""
    password = secrets.token_urlsafe(16)
    server = subprocess.Popen(
        [command, "dev", "--plain-http", "--listen", "127.0.0.1:0", "--user", f"smoke:{password}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = ""
        for line in server.stdout:
            if found := re.search(r"Listening on (http://[\d.:]+)", line):
                address = found[1]
                break
        assert address, "it ended before it listened"
        credential = base64.b64encode(f"smoke:{password}".encode()).decode()
        token = ask(address, "POST", {"Authorization": f"Basic {credential}"})
        assert isinstance(token, str)
        seen = ask(address, "GET", {"vmware-api-session-id": token})
        assert isinstance(seen, dict)
        assert seen["user"] == "smoke"
        ask(address, "DELETE", {"vmware-api-session-id": token})
    finally:
        server.terminate()
        assert server.wait(DEADLINE) == 0
    sys.stdout.write("login, look and logout: ok\n")
    return 0


def ask(address: str, method: str, headers: dict[str, str]) -> object:
    """One call to `/api/session`; what it answered, from JSON."""
    request = urllib.request.Request(f"{address}/api/session", method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
        body = reply.read()
    return json.loads(body) if body else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
