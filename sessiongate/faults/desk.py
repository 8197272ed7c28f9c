"""The faults of one server as a page for people asks for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sessiongate.config import values
from sessiongate.errors import ConfigError
from sessiongate.faults.reader import read_line
from sessiongate.faults.rows import as_row, row_of
from sessiongate.faults.scenarios import SCENARIOS, scenario_of
from sessiongate.faults.state import FaultState


class FaultDesk:
    """Rules and time of one server, from what somebody has written into a form."""

    def __init__(self, state: FaultState) -> None:
        self._state = state

    @property
    def scenarios(self) -> Mapping[str, str]:
        """What happens in each scenario."""
        return {name: one.about for name, one in SCENARIOS.items()}

    def now(self) -> datetime:
        """The server's time."""
        return self._state.now()

    def list(self) -> Sequence[Mapping[str, object]]:
        """All rules in order, each as `row_of` has it."""
        return [row_of(as_row(one)) for one in self._state.list()]

    def add(self, line: str) -> None:
        """Add the rule that this line says. Raises ConfigError with all that is wrong."""
        self._state.add(read_line(line))

    def add_scenario(self, name: str) -> int:
        """Add the rules of this scenario. How many those are. Raises ConfigError."""
        return len([self._state.add(one) for one in scenario_of(name)])

    def remove(self, rule_id: str) -> None:
        """Forget a rule. Raises NotFound."""
        self._state.remove(rule_id)

    def clear(self) -> int:
        """Forget all rules. How many those were."""
        return self._state.clear()

    async def advance(self, span: str) -> int:
        """Go ahead in time, by such as `31m`. How many sessions that has ended.

        Raises ConfigError for what is no duration above 0, or goes past the last date there is.
        """
        try:
            return await self._state.advance(values.positive_duration(span))
        except (ValueError, OverflowError) as error:
            raise ConfigError([f"clock: {error}"]) from None
