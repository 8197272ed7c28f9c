"""The wire forms of vSphere's Automation API: REST and JSON-RPC."""
