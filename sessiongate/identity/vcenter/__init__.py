"""The provider that asks a vCenter."""
