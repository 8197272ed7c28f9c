"""What the operator reaches: control socket, metrics and health, and copies of the audit."""
