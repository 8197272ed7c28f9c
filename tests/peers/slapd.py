"""A real slapd: a child process on free loopback ports, with a directory of its own.

It has people and nested groups, the overlays memberOf (group memberships on people), ppolicy
(locked, expired and disabled accounts), retcode (answers with Active Directory's texts) and
cn=monitor, whose counters say how often somebody bound. TLS is by a certificate that
`sessiongate.tls.certificates` makes. What a test changes, it changes for all who share the server.
"""

import os
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sessiongate.tls import certificates
from tests.peers.ports import free_port
from tests.peers.processes import end, until_it_listens

SUFFIX = "dc=corp,dc=example"
PEOPLE = f"ou=people,{SUFFIX}"
_ANSWERING = f"ou=answers,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
ROOT = f"cn=root,{SUFFIX}"
SERVICE = f"cn=service,{SUFFIX}"
ROOT_PASSWORD = "root password 1"
SERVICE_PASSWORD = "service password 1"

_MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/libexec/openldap")
_SCHEMAS = ("/etc/ldap/schema", "/etc/openldap/schema")


def person(uid: str, password: str, place: str = "", /, **more: str | Sequence[str]) -> str:
    """The LDIF of one person; `more` are further attributes."""
    facts: dict[str, str | Sequence[str]] = {
        "objectClass": "inetOrgPerson",
        "uid": uid,
        "cn": uid.capitalize(),
        "sn": uid.capitalize(),
        "displayName": f"{uid.capitalize()} of Corp",
        "userPassword": password,
        **more,
    }
    return _entry(f"uid={uid},{place or PEOPLE}", facts)


def group(name: str, *members: str) -> str:
    """The LDIF of one group; members are people's or groups' names, as `uid=..` or `cn=..`."""
    full = [f"{one},{PEOPLE if one.startswith('uid=') else GROUPS}" for one in members]
    return _entry(
        f"cn={name},{GROUPS}", {"objectClass": "groupOfNames", "cn": name, "member": full}
    )


def _entry(dn: str, facts: Mapping[str, str | Sequence[str]]) -> str:
    lines = [f"dn: {dn}"]
    for name, values in facts.items():
        lines += [_line(name, one) for one in ([values] if isinstance(values, str) else values)]
    return "\n".join([_line("dn", dn), *lines[1:]]) + "\n"


def _line(name: str, value: str) -> str:
    """LDIF has ASCII only, and everything else in base 64."""
    if value.isascii():
        return f"{name}: {value}"
    return f"{name}:: {b64encode(value.encode()).decode()}"


def _ad(data: str) -> str:
    """What Active Directory says, down to the number of its source line."""
    return (
        "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, "
        f"data {data}, v3839"
    )


AD_CODES = (
    "52e",
    "525",
    "52f",
    "530",
    "531",
    "532",
    "533",
    "568",
    "569",
    "701",
    "773",
    "775",
    "5a1",
)
AD_OUTAGES = ("51f", "54b", "54f", "774")

ANSWERS = {
    **{f"ad{code}": (49, _ad(code)) for code in (*AD_CODES, *AD_OUTAGES)},
    "busy": (51, "too busy just now"),
    "unwilling": (53, "not today"),
    "inactive": (53, "Account inactivated. Contact system administrator."),
    "retries": (19, "Exceed password retry limit. Please try later."),
}
"""People to whom every bind is answered by this code and this text."""

DIRECTORY = [
    _entry(SUFFIX, {"objectClass": ("dcObject", "organization"), "o": "Corp", "dc": "corp"}),
    _entry(PEOPLE, {"objectClass": "organizationalUnit", "ou": "people"}),
    _entry(_ANSWERING, {"objectClass": "organizationalUnit", "ou": "answers"}),
    _entry(GROUPS, {"objectClass": "organizationalUnit", "ou": "groups"}),
    _entry(f"ou=policies,{SUFFIX}", {"objectClass": "organizationalUnit", "ou": "policies"}),
    _entry(
        f"cn=strict,ou=policies,{SUFFIX}",
        {
            "objectClass": ("device", "pwdPolicy"),
            "cn": "strict",
            "pwdAttribute": "userPassword",
            "pwdLockout": "TRUE",
            "pwdMaxFailure": "3",
            "pwdMaxAge": "1000",
            "pwdMustChange": "TRUE",
        },
    ),
    _entry(
        SERVICE,
        {
            "objectClass": ("device", "simpleSecurityObject"),
            "cn": "service",
            "userPassword": SERVICE_PASSWORD,
        },
    ),
    person("ada", "ada's pass:word/1"),
    person("bob", "bob's password 1"),
    person("carol", "carol's password 1"),
    person("dave", "dave's password 1"),
    person("eve", "eve's password 1", pwdPolicySubentry=f"cn=strict,ou=policies,{SUFFIX}"),
    person(
        "locked",
        "locked's password 1",
        pwdPolicySubentry=f"cn=strict,ou=policies,{SUFFIX}",
        pwdAccountLockedTime="000001010000Z",
        pwdChangedTime="20990101000000Z",
    ),
    person(
        "expired",
        "expired's password 1",
        pwdPolicySubentry=f"cn=strict,ou=policies,{SUFFIX}",
        pwdChangedTime="20200101000000Z",
    ),
    person(
        "reset",
        "reset's password 1",
        pwdPolicySubentry=f"cn=strict,ou=policies,{SUFFIX}",
        pwdChangedTime="20990101000000Z",
        pwdReset="TRUE",
    ),
    person(
        "alan",
        "alan's password 1",
        objectClass=("inetOrgPerson", "user"),
        sAMAccountName="Alan",
        userPrincipalName="a.turing@corp.example",
        userAccountControl="512",
        accountExpires="9223372036854775807",
    ),
    person(
        "off",
        "off's password 1",
        objectClass=("inetOrgPerson", "user"),
        sAMAccountName="off",
        userAccountControl="514",
    ),
    person("twin", "twin's password 1", mail="twins@corp.example"),
    person("twin2", "twin2's password 1", mail="twins@corp.example"),
    # To OpenLDAP two people; folded, one name.
    person("weiß", "weiß's password 1"),
    person("weiss", "weiss's password 1"),
    # One person by five names.
    person(
        "many",
        "many's password 1",
        uid=("many", "m.any", "too.many"),
        mail="many@mail.example",
        cn="Many Names",
    ),
    # What Active Directory takes for one name: as if it compared without marks.
    person("müller", "müller's password 1", uid=("müller", "muller")),
    _entry(
        f"uid=odd\\2C (one)*,{PEOPLE}",
        {
            "objectClass": "inetOrgPerson",
            "uid": "odd, (one)*",
            "cn": "Odd",
            "sn": "Odd",
            "userPassword": "odd's password 1",
        },
    ),
    *(person(uid, f"{uid}'s password 1", _ANSWERING) for uid in ANSWERS),
    group("admins", "uid=ada"),
    group("operators", "cn=night"),
    group("night", "cn=shift"),
    group("shift", "uid=bob", "cn=operators"),  # a loop: operators, night, shift, operators
    group("staff", "uid=carol", "uid=ada"),
]
"""What every slapd of the tests starts with. Members of `operators`: bob, through two groups."""


def missing() -> str:
    """Why there can be no slapd here, "" if there can."""
    if _program("slapd") is None or _program("ldapmodify") is None:
        return "slapd or ldap-utils are not installed"
    if _directory(_MODULES) is None or _directory(_SCHEMAS) is None:
        return "slapd's modules or schemas are not where Debian or Fedora have them"
    return ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _directory(names: Sequence[str]) -> str | None:
    return next((name for name in names if Path(name).is_dir()), None)


# The few attributes of Active Directory that we look at. Not msuser.schema: its memberOf is in the
# way of the overlay's.
_AD_SCHEMA = (
    "attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch"
    " SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
    "attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch"
    " SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
    "attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch"
    " SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )",
    "attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch"
    " SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )",
    "objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP top AUXILIARY"
    " MAY ( sAMAccountName $ userPrincipalName $ userAccountControl $ accountExpires ) )",
    "objectclass ( 1.2.840.113556.1.3.30 NAME 'computer' SUP top AUXILIARY )",
)


def _settings(folder: Path, tls: certificates.Certificates) -> str:
    schemas = ("core", "cosine", "inetorgperson")
    includes = [f"include {_directory(_SCHEMAS)}/{name}.schema" for name in schemas]
    modules = ("back_mdb", "back_monitor", "memberof", "ppolicy", "retcode")
    there = [name for name in modules if (Path(_directory(_MODULES) or "") / f"{name}.so").exists()]
    return "\n".join(
        [
            *includes,
            *_AD_SCHEMA,
            f"modulepath {_directory(_MODULES)}",
            *(f"moduleload {name}" for name in there),
            f"pidfile {folder}/pid",
            f"TLSCertificateFile {tls.certificate}",
            f"TLSCertificateKeyFile {tls.key}",
            "TLSVerifyClient never",
            "database monitor",
            f'access to * by dn.exact="{ROOT}" read by * none',
            "database mdb",
            f'suffix "{SUFFIX}"',
            f'rootdn "{ROOT}"',
            f'rootpw "{ROOT_PASSWORD}"',
            f"directory {folder}/db",
            "maxsize 67108864",
            "index objectClass,uid,member eq",
            "access to attrs=userPassword by self write by anonymous auth by * none",
            # Nothing for those who did not bind: an anonymous bind must never be of use.
            "access to * by users read by * none",
            "overlay memberof",
            "overlay ppolicy",
            "ppolicy_use_lockout",
            "overlay retcode",
            f'retcode-parent "{_ANSWERING}"',
            *(
                f'retcode-item "uid={uid}" {code:#x} op=bind text="{text}"'
                for uid, (code, text) in ANSWERS.items()
            ),
            "",
        ]
    )


@dataclass
class Slapd:
    """One slapd in `folder`. Use it as a context manager, or `start` and `stop` it."""

    folder: Path
    names: Sequence[str] = ("127.0.0.1",)
    """What its certificate is made for."""
    entries: Sequence[str] = field(default_factory=lambda: DIRECTORY)
    limits: str = ""
    """Further lines of its settings, such as `sizelimit 500`."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tls = certificates.ensure(self.folder / "data", self.names, datetime.now(UTC))
        self.plain_port, self.tls_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self.folder / "log"
        (self.folder / "db").mkdir(exist_ok=True)
        self._config = self.folder / "slapd.conf"
        settings = f"{_settings(self.folder, self.tls)}\n{self.limits}\n"
        self._config.write_text(settings, encoding="utf-8")
        # A copy: Debian confines the one in /usr/sbin to directories of its own (AppArmor).
        self._program = self.folder / "slapd"
        shutil.copy(_program("slapd") or "slapd", self._program)
        self._fill()

    @property
    def ca(self) -> Path:
        assert self.tls.ca is not None
        return self.tls.ca

    @property
    def ldaps(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ldap(self) -> str:
        return f"ldap://127.0.0.1:{self.plain_port}"

    def _fill(self) -> None:
        path = self.folder / "directory.ldif"
        path.write_text("\n".join(with_memberships(self.entries)), encoding="utf-8")
        # -q leaves out what a restart makes up for; operational attributes are given as they are.
        command = [
            str(self._program),
            "-T",
            "add",
            "-q",
            "-f",
            str(self._config),
            "-b",
            SUFFIX,
            "-l",
            str(path),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def start(self) -> Self:
        """Return when it listens."""
        command = [
            str(self._program),
            "-f",
            str(self._config),
            "-h",
            f"{self.ldap} {self.ldaps}",
            "-d",
            "stats",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for port in (self.plain_port, self.tls_port):
            until_it_listens(self._process, port, self._log)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def modify(self, dn: str, *changes: str) -> None:
        """Change an entry, in LDIF: `replace: userPassword`, `userPassword: new`."""
        text = "\n".join([f"dn: {dn}", "changetype: modify", *changes, ""])
        self._tool("ldapmodify", "-x", "-e", "relax", stdin=text)

    def delete(self, dn: str) -> None:
        self._tool("ldapdelete", "-x", dn)

    def binds(self) -> int:
        """How many binds this server has been asked for since it started, by its own counter.

        Asking is a bind too, and is counted.
        """
        base = "cn=Bind,cn=Operations,cn=Monitor"
        out = self._tool("ldapsearch", "-x", "-LLL", "-b", base, "-s", "base", "monitorOpInitiated")
        found = re.search(r"^monitorOpInitiated: (\d+)$", out, re.MULTILINE)
        assert found is not None, out
        return int(found[1])

    def bind_names(self, dn: str) -> int:
        """How many binds as this entry it has been asked for, by its log."""
        return self._log.read_text(errors="replace").count(f'BIND dn="{dn}" method=')

    def _tool(self, *command: str, stdin: str = "") -> str:
        login = ("-H", self.ldap, "-D", ROOT, "-w", ROOT_PASSWORD)
        full = [command[0], *login, *command[1:]]
        done = subprocess.run(full, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def with_memberships(entries: Sequence[str]) -> Iterator[str]:
    """The entries, people and groups with the memberOf that the overlay keeps from then on."""
    members: dict[str, list[str]] = {}
    for entry in entries:
        for member in re.findall(r"^member: (.*)$", entry, re.MULTILINE):
            members.setdefault(member, []).append(_dn(entry))
    for entry in entries:
        groups = members.get(_dn(entry), ())
        yield entry + "".join(f"{_line('memberOf', group)}\n" for group in groups)


def _dn(entry: str) -> str:
    name, _, value = entry.partition("\n")[0].partition(": ")
    return b64decode(value).decode() if name == "dn:" else value
