"""Managers that have nothing to manage: what is empty, and what always is so."""

from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.wire.vim.methods.objects import LICENSE_ASSIGNMENTS
from sessiongate.wire.vim.types import TYPES, Data, MoRef


class EmptyManagers(ManagedObject):
    """All that have no class of their own."""

    async def alarm_description(self, context: Context) -> Data:
        return _without_words("AlarmDescription")

    async def performance_description(self, context: Context) -> Data:
        return _without_words("PerformanceDescription")

    async def scheduled_task_description(self, context: Context) -> Data:
        return _without_words("ScheduledTaskDescription")

    async def query_perf_provider_summary(self, context: Context, entity: MoRef) -> Data:
        return Data(
            "PerfProviderSummary",
            {"entity": entity, "currentSupported": False, "summarySupported": False},
        )

    async def does_customization_spec_exist(self, context: Context, name: str) -> bool:
        return False

    async def source(self, context: Context) -> Data:
        return Data("EvaluationLicenseSource", {})

    async def source_available(self, context: Context) -> bool:
        return True

    async def licensed_edition(self, context: Context) -> str:
        return ""

    async def license_assignment_manager(self, context: Context) -> MoRef:
        return LICENSE_ASSIGNMENTS

    async def evaluation(self, context: Context) -> Data:
        return Data("LicenseManagerEvaluationInfo", {"properties": []})

    async def enabled(self, context: Context) -> bool:
        return False


def _without_words(kind: str) -> Data:
    return Data(kind, {field.name: [] for field in TYPES[kind]})
