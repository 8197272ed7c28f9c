"""How a provider reads its settings: one reader for ours and for those of other packages.

A provider takes each of its settings by a reader of `values`, or one like those: a function from
what TOML or the environment gave to the value, which raises ValueError with the rule and the way
out. Every problem is collected, named `identity.NAME.KEY`, and told by `finish` with all others.
No problem holds a value.
"""

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from sessiongate.config import values
from sessiongate.errors import ConfigError
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust, ca_problem

T = TypeVar("T")
D = TypeVar("D")


class ProviderTable:
    """The table of one provider, as the operator wrote it, without `type`.

    Take every setting that there is, whether or not this configuration needs it: what nobody has
    taken is told as "not a setting".
    """

    def __init__(self, name: str, table: Mapping[str, object]) -> None:
        self._name = name
        self._table = table
        self._taken: set[str] = set()
        self._problems: list[str] = []

    def __contains__(self, key: str) -> bool:
        """Whether the operator gave this setting."""
        return key in self._table

    def problem(self, key: str, rule: str) -> None:
        """Tell of a problem with this setting: the rule, and the way out."""
        self._problems.append(f"identity.{self._name}.{key}: {rule}")

    def take(self, key: str, read: Callable[[object], T], default: D) -> T | D:
        """The setting as `read` understands it; the default where it is not given or is wrong."""
        self._taken.add(key)
        if key in self._table:
            try:
                return read(self._table[key])
            except values.Several as several:
                for one in several.problems:
                    self.problem(key, one)
            except ValueError as problem:
                self.problem(key, str(problem))
        return default

    def need(self, key: str, read: Callable[[object], T], default: D, example: str) -> T | D:
        """A setting that has to be given. `example` goes on after "is required: "."""
        if key not in self._table:
            self.problem(key, f"is required: {example}")
        return self.take(key, read, default)

    def file(self, key: str, data_dir: Path) -> Path | None:
        """The name of a file: absolute, below a home (`~`), or in the data directory."""
        return self.take(key, lambda value: values.file_in(data_dir, value), None)

    def texts(
        self, key: str, fold: Callable[[str], str], read: Callable[[object], str] = values.word
    ) -> dict[str, str]:
        """A table of texts under names that the operator chose: folded name to text, in order.

        `fold` makes one of all spellings of a name and raises ValueError for what is none; two
        spellings of one name are a problem.
        """
        given = self.take(key, self._inner(key), None) or {}
        found: dict[str, str] = {}
        for spelled, raw in given.items():
            # A name such as "svc-token" looks like a secret's; its value is none.
            value = raw.reveal() if isinstance(raw, Secret) else raw
            place = f"{key}.{json.dumps(spelled)}"
            try:
                name, text = fold(spelled), read(value)
            except ValueError as problem:
                self.problem(place, str(problem))
                continue
            if name in found:
                self.problem(place, "is the same name as another one in this table")
            found.setdefault(name, text)
        return found

    def trust(self, data_dir: Path) -> Trust:
        """Which certificates are believed: `ca`, `fingerprint` and `verify`.

        What they mean together, `sessiongate.tls.trust` says. Where they are wrong, the answer is
        the strictest: the system's CAs.
        """
        ca = self.file("ca", data_dir)
        pins = self.take("fingerprint", values.some(values.fingerprint), ())
        verify = self.take("verify", values.yes_or_no, True)
        if ca is not None and (wrong := ca_problem(ca)):
            self.problem("ca", wrong)
            return Trust()
        try:
            return Trust(ca, pins, verify)
        except ValueError as problem:
            self.problem("verify", str(problem))
            return Trust()

    def finish(self) -> None:
        """Raise ConfigError with every problem, those of unknown settings first."""
        if problems := [*self._unknown(), *self._problems]:
            raise ConfigError(problems)

    def _unknown(self) -> list[str]:
        """A problem for each key that nobody has taken, with the nearest that was."""
        problems = []
        for key in sorted(self._table.keys() - self._taken):
            near = difflib.get_close_matches(key, self._taken, 1)
            there = ", ".join(sorted(self._taken)) or "none"
            meant = f"did you mean {near[0]}?" if near else f"there are {there}"
            problems.append(f"identity.{self._name}.{key}: not a setting; {meant}")
        return problems

    def _inner(self, key: str) -> Callable[[object], dict[str, object]]:
        def read(value: object) -> dict[str, object]:
            if not isinstance(value, dict):
                raise ValueError(f"must be a table, [identity.{self._name}.{key}]")  # noqa: TRY004 -- as the readers of `values`
            return value

        return read
