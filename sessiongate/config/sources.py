"""Where settings come from: the file, the environment, the flags, each later one winning.

Every source becomes a flat table of dotted settings, each with its origin and with words for the
operator that say where it stands. What is no setting becomes a problem with a suggestion. Values
are not judged here, except that a secret's file is read.
"""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from sessiongate.config.names import Name, SettingRef, all_settings, find
from sessiongate.files import open_named
from sessiongate.rules.toml_errors import place_in_toml
from sessiongate.secret import Secret, secret_text

PREFIX = "SESSIONGATE_"

# Names in our part of the environment that are no settings: they steer the start, not the server.
RESERVED = frozenset(
    {
        "SESSIONGATE_CONFIG",
        "SESSIONGATE_BOOTSTRAP_ADMIN_USERNAME",
        "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD",
        "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD_FILE",
        "SESSIONGATE_REQUIRE_PEERS",
        "SESSIONGATE_WORKER",
        # What `sessiongate exec` sets for the command that it runs.
        "SESSIONGATE_SESSION",
        "SESSIONGATE_URL",
        "SESSIONGATE_KEY",
        "SESSIONGATE_EXPIRES",
        "SESSIONGATE_HEADER",
        "SESSIONGATE_SESSION_FILE",
        "SESSIONGATE_DEPTH",
        "SESSIONGATE_PROMPT",
        # What `sessiongate dev -- COMMAND` sets beside these, and who may log in at a `dev`.
        "SESSIONGATE_USER",
        "SESSIONGATE_PASSWORD",
        "SESSIONGATE_CA",
        "SESSIONGATE_OPERATIONS",
        "SESSIONGATE_DEV_TOKEN",
        "SESSIONGATE_DEV_USERS",
    }
)

# A short name for the variable that people set by hand, so that each command asks the same server.
SHORT = {"SESSIONGATE_DATA_DIR": "SESSIONGATE_SERVER__DATA_DIR"}

# Kubernetes puts these into every pod beside a Service called "sessiongate"; nobody wrote them.
_SERVICE_LINK = re.compile(
    r"SESSIONGATE(?:_[A-Z0-9]+)*_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9]+)*"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT = re.compile(r"SESSIONGATE(?:_[A-Z0-9]+)*_PORT")

_FREE_NAME = re.compile(r"[A-Za-z0-9](?:_?[A-Za-z0-9-])*")

# Far above any password or key, and far below what hurts.
_LONGEST_SECRET = 1 << 16

# Every setting there is, in words, is some hundred lines.
_LONGEST_FILE = 4 << 20


# Of settings with the same last name; more are no help.
_MOST_MEANT = 3

_A_SLIP = 0.9
"""How like a name is to one in which a letter or two are wrong, of 1."""


@dataclass(frozen=True, slots=True)
class Given:
    """A setting that was given: its value, the origin's short name, and words for where."""

    value: object
    origin: str
    where: str
    variable: str = ""
    """The name of the environment's variable, where it was one: the setting's own is another."""
    file: Path | None = None
    """Where a secret was read from that stands in a file of its own."""


@dataclass(slots=True)
class Gathered:
    """The settings given so far, and what was wrong with them."""

    given: dict[Name, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    """What is said of files that others may read or change."""
    overridden: dict[Name, Given] = field(default_factory=dict)
    """What the file said of a setting, where a variable of the environment says it too."""
    with_secrets: bool = True
    """Whether the files of secrets are read, too."""

    def tree(self) -> dict[str, object]:
        """The given settings as nested tables."""
        root: dict[str, object] = {}
        for path, given in self.given.items():
            table = root
            for name in path[:-1]:
                inner = table.setdefault(name, {})
                table = inner if isinstance(inner, dict) else {}
            table[path[-1]] = given.value
        return root

    def where(self, path: Name) -> str:
        """Words for where a setting, or the first one inside a table, was given."""
        inside = [given for name, given in self.given.items() if name[: len(path)] == path]
        if not inside:
            return ""
        name = f", as {inside[0].variable}" if inside[0].variable else ""
        return f" ({inside[0].where}{name})"

    def put(self, path: Name, given: Given) -> None:
        """Keep a setting; it takes the place of a table or a value that stood in its way."""
        for other in list(self.given):
            if other[: len(path)] == path or path[: len(other)] == other:
                before = self.given.pop(other)
                if other == path and (before.origin, given.origin) == ("file", "env"):
                    self.overridden[path] = before
        self.given[path] = given


def gather(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    *,
    with_secrets: bool = True,
) -> Gathered:
    """Collect what file, environment and flags give, in this order."""
    gathered = Gathered(with_secrets=with_secrets)
    if path is not None:
        _file(gathered, path)
    _environment(gathered, environ)
    _flags(gathered, overrides)
    return gathered


def _unknown(name: str, asked: Name, where: str, spell: type["_Spelling"]) -> str:
    names = [spell.of(path) for path in all_settings(asked)]
    meant = get_close_matches(name, names, n=1, cutoff=0.75)
    if not get_close_matches(name, meant, cutoff=_A_SLIP):
        # A key that was written outside its table, or in another one: each that has it may be.
        there = [spell.of(path) for path in all_settings(asked) if _is_that(path, asked[-1])]
        meant = there or meant
    hint = "`sessiongate config schema` lists them all"
    if 0 < len(meant) <= _MOST_MEANT:
        hint = f"did you mean {' or '.join(meant)}?"
    return f"{name}: is not a setting; {hint} ({where})"


def _is_that(path: Name, key: str) -> bool:
    return path[-1] == key.casefold() and "NAME" not in path


class _Spelling:
    """How a setting's name is written in the file and by flags."""

    @staticmethod
    def of(path: Name) -> str:
        return ".".join(path)


class _EnvironmentSpelling(_Spelling):
    @staticmethod
    def of(path: Name) -> str:
        return PREFIX + "__".join(path).upper()


def _take(gathered: Gathered, name: str, path: Name, given: Given, base: Path) -> Name | None:
    """Keep one given setting, or say what is wrong with it. Returns the setting it belongs to."""
    spell = _EnvironmentSpelling if given.origin == "env" else _Spelling
    place = find(path)
    if place is None:
        gathered.problems.append(_unknown(name, path, given.where, spell))
        return None
    if path[0] in {"identity", "roles", "tokens"} and not all(map(_FREE_NAME.fullmatch, path[1:2])):
        gathered.problems.append(
            f"{name}: names are letters and digits, with - or single _ between ({given.where})"
        )
        return None
    if not isinstance(place, SettingRef):
        if given.value == {}:
            if len(path) > 1:
                gathered.put(path, given)
        else:
            gathered.problems.append(
                f"{name}: is a table, not a setting; give the settings inside it ({given.where})"
            )
        return None
    value = given.value
    if place.by_file and not gathered.with_secrets:
        value = None
    elif place.by_file:
        value = _secret_from(gathered, name, given, base)
        if value is not None:
            given = replace(given, file=base / Path(str(given.value)).expanduser())
    elif place.leaf.secret and len(path) > 1 and path[0] == "identity":
        value = _provider_secret(gathered, name, given)
    elif place.leaf.path and isinstance(value, list):
        value = [_based(one, base) for one in value]
    elif place.leaf.path:
        value = _based(value, base)
    if value is not None:
        gathered.put(place.setting, replace(given, value=value))
    return place.setting


def _based(value: object, base: Path) -> object:
    """The name of a file, from where its setting stands; any other value as it is."""
    name = isinstance(value, str) and value and not value.startswith("~")
    return str(base / str(value)) if name else value


def _provider_secret(gathered: Gathered, name: str, given: Given) -> Secret | None:
    if isinstance(given.value, str) and given.value:
        return Secret(given.value)
    gathered.problems.append(
        f"{name}: must be a text that is not empty; write it in quotes ({given.where})"
    )
    return None


def _secret_from(gathered: Gathered, name: str, given: Given, base: Path) -> Secret | None:
    """Read a secret's file. Its name is not told: somebody may have put the secret there."""
    why = "must name a file"
    if isinstance(given.value, str) and given.value and "\0" not in given.value:
        try:
            number = open_named(base / Path(given.value).expanduser())
            with os.fdopen(number, "rb") as file:
                raw = file.read(_LONGEST_SECRET + 1)
                mode = os.fstat(file.fileno()).st_mode
            text = secret_text(raw)
        except OSError as problem:
            why = f"names a file that cannot be read: {problem.strerror or 'no access'}"
        except RuntimeError:
            why = "begins with ~ but no home is known"
        except UnicodeDecodeError:
            why = "names a file that is not UTF-8 text"
        else:
            if text and len(raw) <= _LONGEST_SECRET:
                if mode & stat.S_IROTH:
                    gathered.loose.append(
                        f"{name} names a file that every account of this machine may read; chmod"
                        f" o-r ({given.where})"
                    )
                return Secret(text)
            why = "names a file that is empty or far too long"
    gathered.problems.append(
        f"{name}: {why}; put the secret alone into a file the server may read ({given.where})"
    )
    return None


def _flatten(table: Mapping[str, object], path: Name = ()) -> Iterator[tuple[Name, object]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, (*path, name))
        else:
            yield (*path, name), value


def _file(gathered: Gathered, path: Path) -> None:
    try:
        # Some editors begin a text with a byte order mark, which TOML knows nothing of.
        with os.fdopen(open_named(path), "rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(_LONGEST_FILE + 1)
        if len(text) > _LONGEST_FILE:
            raise OSError(errno.EFBIG, f"it holds more than {_LONGEST_FILE >> 20} MiB")
        table = tomllib.loads(text.decode("utf-8-sig"))
    except OSError as problem:
        why = problem.strerror or "no access"
        gathered.problems.append(f"{path}: cannot be read: {why}; name a file the server may read")
        return
    except UnicodeDecodeError:
        gathered.problems.append(f"{path}: is not UTF-8; save it as UTF-8 text")
        return
    except (ValueError, RecursionError) as problem:
        at = place_in_toml(problem)
        gathered.problems.append(f"{path}: is not TOML{at}; text goes in quotes, tables in [ ]")
        return
    if mode & stat.S_IWOTH:
        gathered.loose.append(
            f"{path} can be changed by every account of this machine, and with it what the server"
            " does; chmod o-w"
        )
    base = path.absolute().parent
    taken: set[Name] = set()
    secrets = [".".join(name) for name, _ in _flatten(table) if _is_secret(name)]
    if secrets and mode & stat.S_IROTH:
        gathered.loose.append(
            f"{path} can be read by every account of this machine, and holds {', '.join(secrets)};"
            " chmod o-r, or put each secret into a file of its own"
        )
    for name, value in _flatten(table):
        setting = _take(gathered, ".".join(name), name, Given(value, "file", f"in {path}"), base)
        _once(gathered, ".".join(name), setting, taken, f"in {path}")


def _is_secret(name: Name) -> bool:
    """Whether a setting holds a secret, and not the name of a file that does."""
    place = find(name)
    if not isinstance(place, SettingRef) or place.by_file:
        return False
    # Below a provider's own tables names are people's, such as "svc-token".
    return place.leaf.secret and not (name[0] == "identity" and len(name) > 3)


def _environment(gathered: Gathered, environ: Mapping[str, str]) -> None:
    taken: set[Name] = set()
    spelt = {
        tuple(part.casefold() for part in path[:length]): path[:length]
        for path in gathered.given
        for length in range(1, len(path) + 1)
    }
    for variable in sorted(environ):
        upper = variable.upper()
        if not upper.startswith(PREFIX) or upper in RESERVED or _from_kubernetes(upper, environ):
            continue
        if upper in SHORT:
            whole = next((one for one in environ if one.upper() == SHORT[upper]), None)
            if whole is not None:
                _same(gathered, variable, environ[variable], whole, environ[whole])
                continue
            upper = SHORT[upper]
        folded: Name = ()
        path: Name = ()
        for part in upper.removeprefix(PREFIX).lower().split("__"):
            folded = (*folded, part)
            # A free name keeps the spelling it has in the file.
            path = spelt.get(folded, (*path, part))
        given = Given(environ[variable], "env", "in the environment", variable)
        setting = _take(gathered, variable, path, given, Path.cwd())
        _once(gathered, variable, setting, taken, given.where)


def _same(gathered: Gathered, short: str, value: str, whole: str, other: str) -> None:
    """Two names of one setting may both be set, to the same."""
    if Path(value).absolute() != Path(other).absolute():
        gathered.problems.append(
            f"{short}: names another directory than {whole}, and both are the same setting;"
            " keep one of the two (in the environment)"
        )


def _from_kubernetes(variable: str, environ: Mapping[str, str]) -> bool:
    if _SERVICE_LINK.fullmatch(variable):
        return True
    return bool(_SERVICE_PORT.fullmatch(variable)) and "://" in environ.get(variable, "")


def _flags(gathered: Gathered, overrides: Mapping[str, object]) -> None:
    for name, value in overrides.items():
        given = Given(value, "flag", "on the command line")
        _take(gathered, name, tuple(name.split(".")), given, Path.cwd())


def _once(
    gathered: Gathered, name: str, setting: Name | None, taken: set[Name], where: str
) -> None:
    if setting is not None and setting in taken:
        gathered.problems.append(
            f"{name}: sets {'.'.join(setting)} a second time; keep one of the two ({where})"
        )
    if setting is not None:
        taken.add(setting)
