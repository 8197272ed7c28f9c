"""Servers that people log in to: their addresses, and the file that knows some by a short name.

The file, `targets.toml`, holds no secret. A session of the client library is made here, for every
command that needs one.
"""

import os
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec
import platformdirs
import tomli_w

from sessiongate.cli.output import Exit, fail
from sessiongate.client import ApplianceSession, Session, VsphereSession, ZertoSession
from sessiongate.files import open_own, own_directory, read_named
from sessiongate.rules.toml_errors import place_in_toml
from sessiongate.secret import Secret


class Dialect(StrEnum):
    """The form of login."""

    ZERTO = "zerto"
    APPLIANCE = "appliance"
    REST = "rest"
    VI_JSON = "vi-json"
    SOAP = "soap"


_SESSIONS: dict[Dialect, Callable[..., Session]] = {
    Dialect.ZERTO: ZertoSession,
    Dialect.APPLIANCE: ApplianceSession,
    **{
        one: partial(VsphereSession, dialect=one.value)
        for one in (Dialect.REST, Dialect.VI_JSON, Dialect.SOAP)
    },
}


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where to log in, as whom, in which form, and whom to believe."""

    url: str
    dialect: Dialect = Dialect.REST
    user: str = ""
    ca: str = ""
    fingerprint: str = ""

    def session(self, password: Callable[[], Secret]) -> Session:
        """A session there, not opened yet. Fails where the address or the fingerprint is none."""
        try:
            return _SESSIONS[self.dialect](
                self.url,
                self.user,
                lambda: password().reveal(),
                ca=self.ca or None,
                fingerprint=self.fingerprint or None,
            )
        except ValueError as problem:
            fail(Exit.SETTINGS, str(problem))


def targets_file() -> Path:
    """Where the names of servers are kept."""
    return platformdirs.user_config_path("sessiongate") / "targets.toml"


def known_targets() -> dict[str, Target]:
    """The servers that have a name. Fails where the file is none of ours."""
    path = targets_file()
    try:
        text = read_named(path).decode()
        return msgspec.convert(tomllib.loads(text), dict[str, Target])
    except FileNotFoundError:
        return {}
    except OSError as problem:
        fail(Exit.SETTINGS, f"{path}: cannot be read: {problem.strerror}")
    except UnicodeDecodeError:
        fail(Exit.SETTINGS, f"{path}: is not UTF-8; save it as UTF-8 text")
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        fail(Exit.SETTINGS, f"{path}: is no TOML{place_in_toml(problem)}; mend it there")
    except msgspec.ValidationError as problem:
        fail(Exit.SETTINGS, f"{path}: {problem}; it has url, dialect, user, ca and fingerprint")


def target_named(name: str) -> Target:
    """The server of this name, or at this address. Fails with a suggestion."""
    if "://" in name:
        return Target(name)
    known = known_targets()
    if name not in known:
        near = get_close_matches(name, known, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        fail(
            Exit.SETTINGS,
            f"{name} is neither an address (https://...) nor a name in {targets_file()}{meant}",
            "`sessiongate login --to https://... --save NAME` gives a server a name",
        )
    return known[name]


def save_target(name: str, target: Target) -> None:
    """Give a server a name, for this account alone."""
    if not name.replace("-", "").replace("_", "").isalnum():
        fail(Exit.SETTINGS, "--save: a name has letters, digits, - and _ only")
    path = targets_file()
    table = {**msgspec.to_builtins(known_targets()), name: msgspec.to_builtins(target)}
    own_directory(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(open_own(path, flags), "wb") as file:
        tomli_w.dump(table, file)
