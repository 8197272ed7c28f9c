"""From sources to the one Config: gather, fill in the profile, validate, cross-check.

All problems of one run are reported together. None of them holds a value, and the exception has
no cause attached, because the cause would.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sessiongate.config import checks
from sessiongate.config.models import Config, ServerTable, SessionsTable, Settings
from sessiongate.config.show import leaves
from sessiongate.config.sources import PREFIX, RESERVED, SHORT, Gathered, gather
from sessiongate.config.values import Several, file_path
from sessiongate.errors import ConfigError
from sessiongate.rules.profile import effective

__all__ = ["RESERVED", "SHORT", "data_dir_of", "file_of", "load"]

# The settings that a profile has a say in. None limits a session's age.
_FROM_PROFILE = {
    ("sessions", "idle_timeout"),
    ("sessions", "max_per_principal"),
    ("sessions", "max_total"),
}


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    overrides: Mapping[str, object] = MappingProxyType({}),
) -> Config:
    """Read the settings: default < file < environment < overrides (dotted names).

    Without a path, SESSIONGATE_CONFIG of the given environment names the file, if set. Raises
    ConfigError with every problem found.
    """
    gathered = gather(file_of(path, environ), environ, overrides)
    tree = gathered.tree()
    _identity_default(tree)
    tree.setdefault("server", {})  # so that what is wrong with its defaults is told by full name
    found = list(gathered.problems)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as wrong:
        told = wrong.errors(include_url=False, include_input=False)
        found += [line for error in told for line in _problems_of(error, gathered)]
        found += _problems_between(
            _without(tree, told), gathered, {str(error["loc"][0]) for error in told}
        )
    else:
        settings = settings.model_copy(update={"sessions": _profiled(settings.sessions)})
        found += _problems_between(settings, gathered)
    if found:
        raise ConfigError(found)
    origins = {
        ".".join(setting): _origin(setting, settings, gathered) for setting, _ in leaves(settings)
    }
    return Config(
        **dict(settings),
        origins=MappingProxyType(origins),
        secret_files=MappingProxyType(
            {".".join(name): one.file for name, one in gathered.given.items() if one.file}
        ),
        loose=tuple(gathered.loose),
        elsewhere=_elsewhere(settings, gathered),
    )


def data_dir_of(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Path | None:
    """Where the data directory is by these sources, before anything else they name is opened.

    None where that cannot be told: then `load` says what is wrong.
    """
    named = file_of(path, environ)
    given = gather(named, environ, overrides, with_secrets=False).given
    try:
        if at := given.get(("server", "data_dir")):
            return file_path(at.value)
        return ServerTable().data_dir
    except ValueError:
        return None


def _elsewhere(settings: Settings, gathered: Gathered) -> str:
    """A sentence where a variable names another data directory than the file does, else ""."""
    of_file = gathered.overridden.get(("server", "data_dir"))
    in_force = gathered.given.get(("server", "data_dir"))
    used = settings.server.data_dir
    if of_file is None or in_force is None or in_force.origin != "env":
        return ""
    if str(of_file.value) == str(used):
        return ""
    variable = in_force.variable or f"{PREFIX}SERVER__DATA_DIR"
    return (
        f"{variable} is set, so {used} is used, and not {of_file.value}, which server.data_dir"
        f" names ({of_file.where}); to use that one, `unset {variable}`"
    )


def file_of(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file: the one that is named, or that the environment names."""
    if path is None and environ.get("SESSIONGATE_CONFIG"):
        return Path(environ["SESSIONGATE_CONFIG"])
    return path


def _without(tree: dict[str, object], told: list[ErrorDetails]) -> Settings | None:
    """The settings with defaults where they were wrong, to look for further problems."""
    for error in told:
        table: object = tree
        for name in error["loc"][:-1]:
            table = table.get(str(name)) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table.pop(error["loc"][-1], None)
    try:
        return Settings.model_validate(tree)
    except ValidationError:  # a required setting is missing, and said so already
        return None


def _problems_between(
    settings: Settings | None, gathered: Gathered, wrong: Collection[str] = ()
) -> list[str]:
    """Problems between settings, but for sections that have problems of their own."""
    if settings is None:
        return []
    return [
        f"{setting}: {rule}{gathered.where(tuple(setting.split('.')))}"
        for setting, rule in checks.problems(settings)
        if setting.partition(".")[0] not in wrong
    ]


def _identity_default(tree: dict[str, object]) -> None:
    """Any identity table replaces the default one, so that no provider is there unasked."""
    tables = tree.get("identity")
    if isinstance(tables, dict) and isinstance(tables.get("local"), dict):
        tables["local"].setdefault("type", "file")


def _problems_of(error: ErrorDetails, gathered: Gathered) -> list[str]:
    path = tuple(str(part) for part in error["loc"])
    if error["type"] == "value_error":
        problem = error.get("ctx", {}).get("error", "is not valid")
        rules = problem.problems if isinstance(problem, Several) else [str(problem)]
    elif error["type"] == "missing":
        rules = ["is required; `sessiongate config schema` says what it is"]
    else:
        # pydantic's own words are not ours to vouch for: they could quote the value.
        rules = ["is not of the right form; `sessiongate config schema` says what it is"]
    return [f"{'.'.join(path)}: {rule}{gathered.where(path)}" for rule in rules]


def _origin(setting: tuple[str, ...], settings: Settings, gathered: Gathered) -> str:
    if setting in gathered.given:
        return gathered.given[setting].origin
    by_profile = settings.sessions.profile != "none" and setting in _FROM_PROFILE
    return "profile" if by_profile else "default"


def _profiled(sessions: SessionsTable) -> SessionsTable:
    """Fill in from the profile what is not set."""
    given = sessions.model_fields_set
    limits, caps = effective(
        sessions.profile,
        idle=sessions.idle_timeout if "idle_timeout" in given else None,
        absolute=sessions.absolute_timeout if "absolute_timeout" in given else None,
        per_principal=sessions.max_per_principal if "max_per_principal" in given else None,
        total=sessions.max_total if "max_total" in given else None,
    )
    return sessions.model_copy(
        update={
            "idle_timeout": limits.idle,
            "absolute_timeout": limits.total or sessions.absolute_timeout,
            "max_per_principal": caps.per_principal,
            "max_total": caps.total,
        }
    )
