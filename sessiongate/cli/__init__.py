"""The commands: parse, then call. Nouns first; `--output json` for scripts."""
