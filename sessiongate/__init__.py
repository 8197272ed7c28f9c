"""A session server and gateway for the vSphere and Zerto APIs."""

__version__ = "0.1.0"
