"""What operators are shown of a server, and may do with it.

`console` builds people's pages, `local_users` changes users for them, `locks` unlocks names,
`token_commands` makes and ends tokens, `gauges` reads the metrics of a moment, `recorder` those of
the last hours, `records` the past. `report` says what runs, as a `running_server`.
"""
