"""Whom we call: vCenters, over connections that we trust no further than we have checked them."""
