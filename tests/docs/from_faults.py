"""The table of faults, from the catalogue."""

from sessiongate.faults.catalogue import FAULTS, KnownFault
from tests.docs.tables import code, table


def faults_table() -> str:
    """A row for each fault."""
    rows = [
        (
            code(name),
            _arguments(known),
            known.scope.value,
            "always" if known.times is None else f"{known.times} time",
            known.about,
        )
        for name, known in FAULTS.items()
    ]
    return table(("Fault", "Arguments", "About", "How often", "What it is"), rows)


def _arguments(known: KnownFault) -> str:
    return ", ".join(
        code(name if argument.needed else f"{name}={_shown(argument.default)}")
        for name, argument in known.args.items()
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
