"""The rules of the house, as tests: what a review would otherwise have to remember."""
