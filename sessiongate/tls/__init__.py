"""TLS: certificates of ours, contexts of servers, trust in others."""
