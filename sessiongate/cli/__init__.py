"""The commands: parse, then call. Nouns first; `--output json` for scripts.

`main` is the command itself, `interrupts` heeds Ctrl-C while it imports, `root` has the commands,
and `lazy` imports them when they are called. `serve` also has init and check, whose rows come from
`checks`; `dev` is a server to throw away. Both say an `announcement`, and `server_process` is what
else they share. The groups are `users`, `sessions`, `pools`,
`upstream`, `tokens`, `audit`, `config`, `certificates` (cert) and `completion`, which offers
`candidates`; `login` has exec and what else logs in somewhere.

They share `options` and the settings these lead to, `control_client`, which asks the running
server, `accounts` and `people`, which know users, `passwords`, `prompts` for questions, and
`output` for people and scripts, with `table` for a terminal's width and `text` for its encoding.
"""
