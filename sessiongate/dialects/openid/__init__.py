"""The Zerto appliance's tokens: OpenID Connect."""
