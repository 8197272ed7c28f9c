"""Tokens of others: SAML assertions, OpenID Connect."""
