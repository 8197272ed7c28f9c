"""Shell lines of the pages, run as they stand against a real server.

A block is run when `<!-- run -->` stands before it. Only what depends on the place differs: the
server's address, its data directory, and the directory of the sources.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sessiongate.cli.announcement import reachable
from tests.docs.pages import DOCS, ROOT
from tests.each import each
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server, environment
from tests.peers import setup
from tests.until import PATIENCE

BLOCK = re.compile(r"^<!-- run(?:: (?P<says>[^\n]+))? -->\n```sh\n(?P<lines>.*?)^```", re.M | re.S)
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCKS = [
    pytest.param(block["lines"], block["says"], id=f"{path.name}-{number}")
    for path in PAGES
    for number, block in enumerate(BLOCK.finditer(path.read_text(encoding="utf-8")), 1)
]


SHELLS = [
    pytest.param(("bash", "-euo", "pipefail", "-c"), id="bash"),
    pytest.param(("dash" if shutil.which("dash") else "sh", "-euc"), id="sh"),
]
"""What people have at a prompt: theirs, and the least that POSIX promises (Debian's sh is dash)."""


@each("shell", SHELLS)
@pytest.mark.slow
@each(("lines", "says"), BLOCKS)
@EMBEDDED
def test_lines_work_as_they_stand(
    lines: str, says: str | None, shell: tuple[str, ...], shared: Server
) -> None:
    """They run to their end without an error, in any shell, and print what the page promises."""
    shared.vim_token(ADMIN)  # whichever block comes first finds a session in the list
    here = lines.replace("https://127.0.0.1:9669", shared.url)
    here = here.replace("http://127.0.0.1:9680", shared.console)
    here = here.replace("var/tls/ca.pem", str(shared.ca))
    path = [Path(sys.executable).parent, "/usr/local/bin", "/usr/bin", "/bin"]
    if "govc " in lines:
        path.insert(0, peer(setup.program("govc")).parent)
    if "pyVim" in lines:
        path.insert(0, peer(setup.interpreter(setup.PYVMOMI[0])).parent)
    done = subprocess.run(
        [*shell, here],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=ROOT,
        env=environment(
            {
                "SG_USER": ADMIN[0],
                "SG_PASSWORD": ADMIN[1],
                "SG_URL": shared.url,
                "SG_CA": str(shared.ca),
                "SESSIONGATE_DATA_DIR": str(shared.data_dir),
                "PATH": ":".join(map(str, path)),
            }
        ),
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^HTTP/1.1 [45]", done.stdout, re.MULTILINE), done.stdout
    for wanted in (says or "").split(", "):
        assert wanted in done.stdout
    # The prompt, and each reply, begins on a line of its own.
    assert done.stdout.endswith("\n")
    assert not re.search(r"[^\r\n]HTTP/1\.1", done.stdout), done.stdout


def peer(program: Path) -> Path:
    """A program of a peer, which not every machine has."""
    if not program.exists() and not os.environ.get("SESSIONGATE_REQUIRE_PEERS"):
        pytest.skip("this client is not built here: tests/peers/setup.py builds it")
    return program


def test_the_first_page_is_run() -> None:
    assert any("README" in str(block.id) for block in BLOCKS)


def test_the_lines_that_the_server_prints_work(tmp_path: Path) -> None:
    """`dev` and `make run` print a curl line for each dialect that curl speaks easily."""
    with Server(tmp_path, command=("dev",)) as server:
        assert server.out.wait_for(lambda lines: any("/api/session" in line for line in lines))
        said = [line.strip() for line in server.out.lines]
        exports = [line for line in said if line.startswith("export ")]
        recipes = [line for line in said if line.startswith("curl ")]
        assert [len(exports), len(recipes)] == [2, 3]
        for recipe in recipes:
            done = subprocess.run(
                ["sh", "-euc", "\n".join([*exports, recipe])],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=True,
                env=environment(),
            )
            assert re.match(r"HTTP/1\.1 20[01] ", done.stdout), done.stdout
            assert done.stdout.endswith("\n")
        server.stop()


@pytest.mark.parametrize(
    ("address", "called"),
    [
        ("0.0.0.0:9669", "127.0.0.1:9669"),
        ("[::]:9669", "[::1]:9669"),
        ("10.0.0.0:9669", "10.0.0.0:9669"),
        ("127.0.0.1:9669", "127.0.0.1:9669"),
        ("[fe80::]:9669", "[fe80::]:9669"),
    ],
)
def test_printed_lines_call_an_address_that_is_in_the_certificate(
    address: str, called: str
) -> None:
    assert reachable(address) == called
