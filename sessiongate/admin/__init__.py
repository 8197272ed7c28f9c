"""What the operator reaches: the control socket, for the command line."""
