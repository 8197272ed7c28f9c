"""The provider of LDAP directories."""
