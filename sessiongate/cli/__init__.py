"""The commands: parse, then call. Nouns first; `--output json` for scripts.

`main` is the command itself, `interrupts` heeds Ctrl-C during `imports`, `root` has the commands,
and `lazy` imports them when they are called. `serve` also has init and check, whose rows come from
`checks`; `dev` is a server to throw away. Both say an `announcement`; `server_process` is what else
they share. Groups are `users`, `sessions` (`watch`), `pools`, `upstream`, `tokens`, `audit`,
`config`, `certificates` (cert), `completion` (`candidates`, `lazy_candidates`); `login` has exec,
`leaks` is one command. `faults`, `scenario`, `server_clock` steer `dev`.

They share `options` and the settings these lead to, `control_client`, which asks the running
server, `accounts` and `people`, which know users, `session_rows`, `passwords`, and `prompts`.
`output` speaks to people and scripts, with `table` for a terminal and `text` for its encoding.
"""
