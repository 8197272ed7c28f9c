"""Tokens of others: SAML assertions, OpenID Connect, service accounts of Kubernetes.

Each verifies tokens of one issuer behind the `port`: `saml` (with `saml_signature`), `oidc`, and
`service_accounts`. The last two read `signed` tokens (JWT), by `keys` of their issuer.
"""
