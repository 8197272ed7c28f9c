"""Pure rules: functions over values. No clock, store, log or randomness in here."""
