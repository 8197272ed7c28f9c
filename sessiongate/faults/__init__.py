"""Faults on purpose, for tests of clients: which request meets which, and how it is carried out.

For `sessiongate dev` and `sessiongate.testing.Gate` alone. `serve` never imports this room, and no
setting leads to it.

`catalogue` lists the faults, `reader` reads rules, `book` decides which request meets which. The
rest carries it out: `handler` around the dialects, `inside` around guard, store and roles.
"""
