"""Pure codecs: bytes to commands and values to bytes, one module per dialect. No I/O in here."""
