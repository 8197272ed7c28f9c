"""Where sessions live: one port, several stores."""
