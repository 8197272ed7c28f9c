"""Root's commands on a data directory that somebody else owns: done with that account's rights.

The owner may have put a link in the place of any file. What it leads to must stay as it is: its
content, owner and mode, and its content must not be told either.
"""

import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.access_lists import NAME
from sessiongate.cli.output import Exit
from sessiongate.holders import way_to
from sessiongate.store.embedded.schema import open_file
from tests.cli import as_root
from tests.end_to_end.serving import Server
from tests.test_access_lists import GROUP, USER, packed
from tests.until import PATIENCE

ROOT = Path(__file__).parents[2]
NOBODY = pwd.getpwnam("nobody")
SECRET = "0f6c-the-content-of-a-file-that-only-root-may-read"

NAMES = (
    "users.toml",
    "users.toml.lock",
    "audit-inbox.jsonl",
    "tls",
    "tls/ca.pem",
    "tls/ca.key",
    "tls/ca.pem.new",
    "tls/ca.key.new",
    "tls/server.pem",
    "tls/server.key",
    "tls/server.pem.new",
    "tls/server.key.new",
    "sessiongate.db",
    "sessiongate.db-wal",
    "sessiongate.db-shm",
    "sessiongate.db.lock",
    "control.sock",
    "instance",
    "bootstrapped",
    "openid.key",
    "ages.0",
    "ages.0.new",
    "named.0",
    "local-tickets",
    "sessiongate.toml",
    "password",
)
"""Every name that a file of ours has in a data directory, and two that settings may name there."""


def _why_not() -> str:
    if os.geteuid() != 0:
        return "only root acts on what others own"
    code = [Path(sys.executable).resolve(), Path(os.__file__), Path(as_root.__file__)]
    for one in (parent for path in code for parent in path.parents):
        if not one.stat().st_mode & stat.S_IXOTH:
            return f"who is not root cannot run this Python or this code: {one} is shut"
    return ""


pytestmark = pytest.mark.skipif(bool(_why_not()), reason=_why_not())


@pytest.fixture
def around() -> Iterator[Path]:
    """A directory of root's that everybody may walk through."""
    folder = Path(tempfile.mkdtemp(prefix="sessiongate-foreign-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(around: Path) -> Path:
    """A data directory of nobody's."""
    folder = around / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    return folder


class Commands:
    """Runs commands as root, one after another, with nothing of ours in the environment."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, data_dir: Path, *lines: str) -> list[dict[str, object]]:
        """Run commands on this directory. What became of each."""
        commands = [[*line.split(), "--data-dir", str(data_dir)] for line in lines]
        return self._ask(data_dir, commands, None)

    def meanwhile(
        self, event: str, path: Path, count: int, script: str, line: str
    ) -> tuple[int, str]:
        """Run a command, and this script at that moment. Its exit code, and what it says."""
        when = {"event": event, "path": str(path), "count": count, "text": script}
        (done,) = self._ask(path, [line.split()], when)
        return int(str(done["code"])), str(done["said"])

    def _ask(
        self, below: Path, lines: list[list[str]], script: dict[str, object] | None
    ) -> list[dict[str, object]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"below": str(below), "lines": lines, "script": script}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answers: list[dict[str, object]] = json.loads(self._process.stdout.readline())
        return answers


@pytest.fixture(scope="module")
def run() -> Iterator[Commands]:
    """What all tests here run commands by."""
    root = str(ROOT)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.as_root"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": root},
    ) as process:
        yield Commands(process)
        assert process.stdin is not None
        process.stdin.close()


def look(path: Path) -> tuple[int, int, int, object]:
    """What must stay as it is."""
    found = path.lstat()
    content = sorted(path.iterdir()) if path.is_dir() else path.read_bytes()
    return found.st_uid, found.st_gid, found.st_mode, content


CHANGING = ("init", "users disable admin --yes", "cert renew", "audit tail")
COMMANDS = (
    *CHANGING,
    "users list",
    "cert show",
    "audit verify",
    "sessions list",
    "config show",
    "check",
)


@pytest.fixture(scope="module")
def full(run: Commands) -> Iterator[Path]:
    """A directory with everything in it that a server has, as if it had run."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "full"
        (begun,) = run(made, "init")
        assert begun["code"] == 0, begun
        open_file(made / "sessiongate.db").close()
        yield made


def fill(data_dir: Path, full: Path) -> None:
    """Put all of that into a directory of nobody's."""
    shutil.copytree(full, data_dir, dirs_exist_ok=True)
    for path in (data_dir, *data_dir.rglob("*")):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


def unharmed(done: dict[str, object]) -> None:
    """A command that ended in words, as nobody, and never touched the directory before."""
    assert done["as_root"] == []
    assert done["user"] == [NOBODY.pw_uid] * 3, done
    assert done["code"] in (0, 1, 2, 3), done
    assert "Traceback" not in str(done["said"])
    assert SECRET not in str(done["said"])


def test_sec_80_what_root_makes_is_the_owners(run: Commands, data_dir: Path) -> None:
    init, added, renewed = run(
        data_dir, "init", "users disable admin --yes", "cert renew", "audit tail"
    )[:3]
    for done in (init, added, renewed):
        unharmed(done)
        assert done["code"] == 0, done
    made = [data_dir, *data_dir.rglob("*")]
    assert len(made) > 6
    assert {path.lstat().st_uid for path in made} == {NOBODY.pw_uid}
    assert {path.lstat().st_gid for path in made} == {NOBODY.pw_gid}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_sec_80_links_lead_root_nowhere(
    run: Commands, full: Path, name: str, around: Path, data_dir: Path
) -> None:
    fill(data_dir, full)
    (around / "shut").mkdir(mode=0o700)
    shut, open_to_all = around / "shut" / "file", around / "file"
    for victim, mode in ((shut, 0o600), (open_to_all, 0o644)):
        victim.write_text(SECRET, encoding="ascii")
        victim.chmod(mode)
    folder = around / "folder"
    folder.mkdir(mode=0o755)
    victims = {path: look(path) for path in (shut, open_to_all, folder)}
    planted = data_dir / name
    for victim in victims:
        if planted.is_dir() and not planted.is_symlink():
            shutil.rmtree(planted)
        planted.unlink(missing_ok=True)
        planted.symlink_to(victim)
        os.lchown(planted, NOBODY.pw_uid, NOBODY.pw_gid)
        for done in run(data_dir, *(COMMANDS if victim == shut else CHANGING)):
            unharmed(done)
        assert {path: look(path) for path in victims} == victims
        mine = [path for path in data_dir.rglob("*") if path.lstat().st_uid != NOBODY.pw_uid]
        assert mine == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_sec_80_90_pipes_keep_roots_commands_waiting_nowhere(
    run: Commands, full: Path, name: str, data_dir: Path
) -> None:
    fill(data_dir, full)
    planted = data_dir / name
    if planted.is_dir():
        shutil.rmtree(planted)
    planted.unlink(missing_ok=True)
    os.mkfifo(planted)
    os.chown(planted, NOBODY.pw_uid, NOBODY.pw_gid)
    for done in run(data_dir, *COMMANDS):
        unharmed(done)
    assert {path.lstat().st_uid for path in data_dir.rglob("*")} == {NOBODY.pw_uid}


SHUT = """
import os, sys

class Shut:
    def find_spec(self, name, path=None, target=None):
        if os.geteuid() != 0:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Shut())
from sessiongate.cli.main import main
main()
"""
"""A Python of which only root can read what is not imported yet, as one in root's home."""


def test_a_python_that_the_owner_cannot_read_is_told_in_a_sentence(data_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHUT, "init", "--data-dir", str(data_dir)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == Exit.SETTINGS, done
    assert "cannot be read by the account that owns the data directory" in done.stderr
    assert "install Python and sessiongate where it can" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_sec_80_settings_in_the_directory_are_read_by_their_owner(
    run: Commands, around: Path, data_dir: Path
) -> None:
    shut = around / "shut"
    shut.write_text(SECRET, encoding="ascii")
    shut.chmod(0o600)
    (data_dir / "password").symlink_to(shut)
    settings = data_dir / "sessiongate.toml"
    settings.write_text(
        f'[server]\ndata_dir = "{data_dir}"\n'
        '[store]\nurl = "redis://127.0.0.1:1/0"\npassword_file = "password"\n',
        encoding="utf-8",
    )
    settings.chmod(0o644)
    for path in (settings, data_dir / "password"):
        os.lchown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    (done,) = run(data_dir, f"config show --config {settings}")
    unharmed(done)
    assert done["code"] == 2
    assert "store.password_file: names a file that cannot be read: Permission denied" in str(
        done["said"]
    )
    settings.unlink()
    settings.symlink_to(shut)
    os.lchown(settings, NOBODY.pw_uid, NOBODY.pw_gid)
    (done,) = run(data_dir, f"config show --config {settings}")
    unharmed(done)
    assert "cannot be read: Permission denied" in str(done["said"])


def test_sec_80_settings_that_change_meanwhile_lead_nowhere(
    run: Commands, around: Path, data_dir: Path
) -> None:
    """Judged is one directory, and the other would be used with the rights of root."""
    settings, other = around / "sessiongate.toml", around / "other.toml"
    roots = around / "roots"
    roots.mkdir(mode=0o700)
    settings.write_text(f'[server]\ndata_dir = "{roots}"\n', encoding="utf-8")
    other.write_text(f'[server]\ndata_dir = "{data_dir}"\n', encoding="utf-8")
    swap = f"mv '{other}' '{settings}'"
    code, said = run.meanwhile("open", settings, 2, swap, f"init --config {settings}")
    assert code == 2
    assert "server.data_dir: was changed while the settings were read" in said
    assert list(roots.iterdir()) == []
    assert list(data_dir.iterdir()) == []


@pytest.fixture
def everybodys(around: Path) -> Path:
    """A folder like /tmp, in which anybody may be the first to make a directory."""
    folder = around / "everybodys"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def victim_in(around: Path) -> Path:
    """A folder of root's with a file of root's, which links of others lead to."""
    folder = around / "victim"
    folder.mkdir(mode=0o755)
    (folder / "secret").write_text(SECRET, encoding="ascii")
    (folder / "secret").chmod(0o600)
    return folder


QUICKER = {
    "directory": "mkdir {new}; chown nobody {new}",
    "link": "ln -s {victim} {new}; chown -h nobody {new}",
    "links inside": "mkdir {new}; ln -s {victim} {new}/tls; ln -s {victim}/new {new}/instance;"
    " chown -hR nobody {new}",
}
"""What somebody else does after root saw that nothing is there, and before root makes it."""


@pytest.mark.parametrize("quicker", QUICKER)
@pytest.mark.parametrize("depth", ["new", "new/er/data"])
@pytest.mark.parametrize("command", ["init", "serve --plain-http --listen 127.0.0.1:0"])
def test_sec_80_root_makes_nothing_in_a_directory_that_somebody_else_made_first(
    run: Commands, command: str, depth: str, quicker: str, around: Path, everybodys: Path
) -> None:
    victim = victim_in(around)
    before = look(victim), look(victim / "secret")
    new = everybodys / "new"
    script = QUICKER[quicker].format(new=new, victim=victim)
    line = f"{command} --data-dir {everybodys / depth}"
    code, said = run.meanwhile("os.mkdir", new, 1, script, line)
    assert code == (2 if command == "init" else 1), said
    assert "in the hands of nobody" in said or "File exists" in said
    assert "Traceback" not in said
    assert (look(victim), look(victim / "secret")) == before
    found = [new, *new.rglob("*")] if not new.is_symlink() else [new]
    assert {path.lstat().st_uid for path in found} == {NOBODY.pw_uid}


APPEARED = (
    "users list",
    "users disable admin --yes",
    "users add eve --role administrator --generate",
    "users passwd admin --generate",
    "users remove admin --yes",
    "audit tail",
    "audit verify",
    "audit export",
    "cert show",
    "cert renew",
    "sessions list",
    "check",
    "config show",
)


@pytest.mark.slow
@pytest.mark.parametrize("command", APPEARED)
@pytest.mark.parametrize("planted", ["nothing", "links", "folder links", "pipes"])
def test_sec_80_what_appears_after_the_judgement_is_not_roots_to_use(
    run: Commands, planted: str, command: str, around: Path, everybodys: Path
) -> None:
    """The settings are read a second time after their directory was judged: it is made then."""
    victim, new = victim_in(around), everybodys / "new"
    before = look(victim), look(victim / "secret")
    settings = around / "sessiongate.toml"
    settings.write_text(f'[server]\ndata_dir = "{new}"\n', encoding="utf-8")
    plant = {
        "nothing": ":",
        "links": f"ln -s {victim}/secret {new}/$one",
        "folder links": f"ln -s {victim} {new}/$one",
        "pipes": f"mkfifo {new}/$one",
    }[planted]
    names = " ".join(name for name in NAMES if "/" not in name)
    script = (
        f"mkdir {new}; for one in {names}; do {plant}; done;"
        f" rm -f {new}/tls; mkdir {new}/tls; [ -e {new}/instance ] || touch {new}/instance;"
        f" for one in tls/server.pem tls/ca.pem tls/ca.key; do {plant}; done;"
        f" chown -hR nobody {new}"
    )
    code, said = run.meanwhile("open", settings, 2, script, f"{command} --config {settings}")
    assert code in (0, 1, 2, 3), said
    assert "Traceback" not in said
    assert SECRET not in said
    assert (look(victim), look(victim / "secret")) == before
    assert {path.lstat().st_uid for path in (new, *new.rglob("*"))} == {NOBODY.pw_uid}


@pytest.mark.parametrize("command", ["users add eve --role user --generate", "users list"])
def test_sec_80_a_users_file_in_anothers_directory_is_not_roots_to_change(
    run: Commands, command: str, around: Path
) -> None:
    data_dir, theirs, victim = around / "roots", around / "theirs", victim_in(around)
    theirs.mkdir()
    settings = around / "sessiongate.toml"
    settings.write_text(
        f'[identity.local]\ntype = "file"\npath = "{theirs / "users.toml"}"\n', encoding="utf-8"
    )
    (done,) = run(data_dir, "init")
    assert done["code"] == 0, done
    (theirs / "users.toml.lock").symlink_to(victim / "new")
    shutil.copy(data_dir / "users.toml", theirs)
    for path in (theirs, *theirs.iterdir()):
        os.lchown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    before = look(victim), look(theirs / "users.toml")
    (done,) = run(data_dir, f"{command} --config {settings}")
    assert done["code"] == (0 if command == "users list" else 2), done
    assert command == "users list" or "in the hands of nobody" in str(done["said"])
    assert (look(victim), look(theirs / "users.toml")) == before
    assert {path.lstat().st_uid for path in theirs.iterdir()} == {NOBODY.pw_uid}


def test_sec_80_a_directory_of_roots_stays_roots(run: Commands, around: Path) -> None:
    data_dir = around / "roots"
    (done,) = run(data_dir, "init")
    assert done["code"] == 0, done
    assert done["user"] == [0, 0, 0]
    assert {path.lstat().st_uid for path in (data_dir, *data_dir.rglob("*"))} == {0}


def test_sec_80_whoever_may_swap_the_directory_counts_as_its_owner(
    run: Commands, around: Path
) -> None:
    """Below a directory of nobody's, what is there now need not be there in a moment."""
    above = around / "above"
    above.mkdir()
    os.chown(above, NOBODY.pw_uid, NOBODY.pw_gid)
    shut = around / "shut"
    shut.mkdir(mode=0o700)
    (above / "data").symlink_to(shut)
    os.lchown(above / "data", NOBODY.pw_uid, NOBODY.pw_gid)
    (done,) = run(above / "data", "init")
    assert done["code"] == 2
    assert done["user"] == [NOBODY.pw_uid] * 3
    assert "chown -R" in str(done["said"])
    assert list(shut.iterdir()) == []
    (done,) = run(above / "new", "init")
    unharmed(done)
    assert done["code"] == 0
    assert (above / "new" / "users.toml").stat().st_uid == NOBODY.pw_uid


STRANGER = 54_321
"""An account that no list names, as in a container: its group is that of its directory."""


def groups_of_who_becomes_owner(data_dir: Path) -> tuple[set[int], str]:
    """The groups that a process of root's has once it has become the owner, and what it says."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from sessiongate.app.setup.owner import become_owner\n"
        "from sessiongate.errors import ConfigError\n"
        "try: become_owner(Path(sys.argv[1]))\n"
        "except ConfigError as error: print(error, file=sys.stderr)\n"
        "print(*os.getresgid(), *os.getgroups())"
    )
    command = [sys.executable, "-c", code, str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return set(map(int, done.stdout.split())), done.stderr


def test_sec_80_no_group_is_taken_from_what_a_link_leads_to(around: Path) -> None:
    """The group came from a second look, which went where the owner led it."""
    above, roots = around / "above", around / "roots"
    for folder, user, group in ((above, STRANGER, STRANGER), (roots, 0, 42)):
        folder.mkdir(mode=0o700)
        os.chown(folder, user, group)
    data = above / "data"
    data.mkdir()
    os.chown(data, STRANGER, 1234)
    assert groups_of_who_becomes_owner(data) == ({1234}, "")
    data.rmdir()
    data.symlink_to(roots)
    os.lchown(data, STRANGER, STRANGER)
    groups, said = groups_of_who_becomes_owner(data)
    assert (groups, "belongs to root" in said) == ({STRANGER}, True)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o707])
def test_sec_80_root_refuses_a_directory_that_is_anybodys(
    run: Commands, mode: int, around: Path
) -> None:
    data_dir = around / "open"
    data_dir.mkdir()
    data_dir.chmod(mode)
    (done,) = run(data_dir, "init")
    assert done["code"] == 2
    assert "chmod o-w" in str(done["said"])
    assert list(data_dir.iterdir()) == []


def test_sec_80_root_refuses_its_own_directory_that_a_group_may_write(
    run: Commands, around: Path
) -> None:
    data_dir = around / "groups"
    data_dir.mkdir()
    os.chown(data_dir, 0, NOBODY.pw_gid)
    data_dir.chmod(0o770)
    (done,) = run(data_dir, "init")
    assert done["code"] == 2
    assert "chmod g-w" in str(done["said"])


@pytest.mark.parametrize("owner", [0, NOBODY.pw_uid])
@pytest.mark.parametrize("group", [NOBODY.pw_gid, 54321])
@pytest.mark.parametrize("above", ["near", "far", "link"])
def test_sec_80_root_refuses_a_way_that_a_group_may_change(
    run: Commands, above: str, group: int, owner: int, around: Path
) -> None:
    """A member of the group puts a link in the place of the judged directory."""
    shared = around / "shared"
    data_dir = shared / "data" if above == "near" else shared / "between" / "data"
    data_dir.mkdir(parents=True)
    for folder in (data_dir, *((data_dir.parent,) if above == "far" else ())):
        os.chown(folder, owner, group)
        folder.chmod(0o700)
    os.chown(shared, 0, group)
    shared.chmod(0o775)
    if above == "link":
        (around / "way").symlink_to(data_dir)
        data_dir = around / "way"
    (done,) = run(data_dir, "init")
    assert done["code"] == 2, done
    assert "chmod g-w" in str(done["said"])
    assert str(shared) in str(done["said"])
    assert list(data_dir.resolve().iterdir()) == []


@pytest.mark.parametrize(("mode", "group"), [(0o1775, NOBODY.pw_gid), (0o775, 0)])
def test_sec_80_what_a_group_cannot_swap_is_fine(
    run: Commands, mode: int, group: int, around: Path
) -> None:
    """In a sticky directory the entry of root's stays; the group of root's is root."""
    shared = around / "shared"
    (shared / "data").mkdir(parents=True)
    (shared / "data").chmod(0o700)
    os.chown(shared, 0, group)
    shared.chmod(mode)
    (done,) = run(shared / "data", "init")
    assert done["code"] == 0, done
    assert (shared / "data" / "users.toml").stat().st_uid == 0


def let_write(folder: Path, kind: int, who: int) -> None:
    """Set an access control list that lets this account or group write a directory."""
    try:
        os.setxattr(folder, NAME, packed((kind, 7, who)))
    except OSError:
        pytest.skip("no access control lists here")


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize(
    ("kind", "who", "mend"),
    [(USER, NOBODY.pw_uid, "chown -R"), (GROUP, NOBODY.pw_gid, "setfacl -x g:")],
)
def test_sec_80_whom_an_access_list_lets_write_counts(
    run: Commands, kind: int, who: int, mend: str, above: bool, around: Path
) -> None:
    """The mode says 775 and root's group, and yet somebody else can swap what is there."""
    shared = around / "shared"
    data_dir = shared / "data" if above else shared
    data_dir.mkdir(parents=True)
    let_write(shared, kind, who)
    (done,) = run(data_dir, "init")
    assert done["code"] == 2, done
    assert done["as_root"] == [] or not above
    assert mend in str(done["said"])
    assert f"list of {shared}" in str(done["said"])
    assert [path for path in around.rglob("*") if path.is_file()] == []


def test_sec_80_a_list_that_lets_nobody_write_is_fine(run: Commands, around: Path) -> None:
    data_dir = around / "listed"
    data_dir.mkdir()
    let_write(data_dir, USER, 0)
    os.setxattr(data_dir, NAME, packed((USER, 5, NOBODY.pw_uid), (GROUP, 7, 54321), mask=5))
    (done,) = run(data_dir, "init")
    assert done["code"] == 0, done
    assert done["user"] == [0, 0, 0]


def test_sec_80_an_owner_whom_a_list_above_lets_write_is_still_alone(
    run: Commands, around: Path
) -> None:
    shared = around / "shared"
    (shared / "data").mkdir(parents=True)
    os.chown(shared / "data", NOBODY.pw_uid, NOBODY.pw_gid)
    let_write(shared, USER, NOBODY.pw_uid)
    (done,) = run(shared / "data", "init")
    unharmed(done)
    assert done["code"] == 0, done


@pytest.mark.parametrize("how", ["first", "member"])
def test_sec_80_who_else_has_roots_group_counts(
    how: str, around: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = around / "shared"
    shared.mkdir()
    os.chown(shared, 0, 0)
    shared.chmod(0o775)
    root = pwd.getpwuid(0)
    operator = pwd.struct_passwd(("operator", "x", 11, 0, "", "/root", "/sbin/nologin"))
    accounts = [root, operator] if how == "first" else [root]
    members = ["nobody"] if how == "member" else []
    monkeypatch.setattr(pwd, "getpwall", lambda: accounts)
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("root", "x", 0, members)))
    assert "the group root may put something else" in way_to(shared).objection
    shared.chmod(0o755)
    assert way_to(shared).objection == ""


@pytest.mark.slow
def test_sec_80_a_server_started_by_root_is_the_owners_with_no_way_back(data_dir: Path) -> None:
    with Server(data_dir, flags=("--plain-http",)) as server:
        assert server.process is not None
        status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
        facts = dict(line.split(":", 1) for line in status.splitlines())
        assert facts["Uid"].split() == [str(NOBODY.pw_uid)] * 4
        assert facts["Gid"].split() == [str(NOBODY.pw_gid)] * 4
        assert "0" not in facts["Groups"].split()
        assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0
        assert {path.lstat().st_uid for path in data_dir.rglob("*")} == {NOBODY.pw_uid}
        server.stop()
