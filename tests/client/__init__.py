"""The client library: its rules, against a scripted server, against ours and against others."""
