"""The provider that asks a ZVM."""
