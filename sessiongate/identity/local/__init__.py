"""The provider of `users_file`: `provider` checks passwords against it.

`settings` reads its table, `users_path` what of it says where the file is. `hashing` computes
hashes on threads of its own, in the order of the fair queue of the guard; `stored_hash` is the text
that the file keeps.
"""
