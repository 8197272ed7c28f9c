"""What stands before every provider, so that passwords cannot be guessed.

`guard` locks a name after failed attempts and lets in what was `verified` a moment ago; `attempt`
is one try, `attempts` the port where they are counted, `attempt_counters` the counters of one
process, with a `sketch` of those that a full table had to let go, and `known_names` that logged in
lately. `overlapping` tells of accounts that change during a check, `pace` makes every refusal as
slow as a check. `fair_queue` decides who is next where logins wait, `fair_turns` gives out turns
by it. `breaker` stops asking a provider that is down.
"""
