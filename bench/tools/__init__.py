"""What all measures share: children, load, populating, the table."""
