"""Whom we call: vCenters and ZVMs, by connections that we trust no further than we have checked."""
