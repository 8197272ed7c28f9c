"""Tokens of others: SAML assertions, OpenID Connect, service accounts of Kubernetes."""
