"""Who: identity providers behind one port, and the guard around each of them."""
