"""Types of the managers."""

from sessiongate.wire.vim.types.managers import BASES, TYPES


def test_a_role_is_as_the_vendor_has_it() -> None:
    names = [field.name for field in TYPES["AuthorizationRole"]]
    assert names == ["roleId", "system", "name", "info", "privilege"]
    assert BASES["EvaluationLicenseSource"] in TYPES
