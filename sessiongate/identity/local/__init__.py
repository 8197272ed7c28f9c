"""The provider of users.toml."""
