"""What stands before every provider: lockout, pace, breaker, recently verified credentials."""
