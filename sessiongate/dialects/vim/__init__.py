"""vSphere's VIM API: SessionManager over VI/JSON and SOAP."""
