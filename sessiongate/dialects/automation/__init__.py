"""vSphere's Automation API: /api, /rest and JSON-RPC."""
