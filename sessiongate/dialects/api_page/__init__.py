"""The pages for browsers: `/` and the API page."""
