"""The measures, one module per subject."""
