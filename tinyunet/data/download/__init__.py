"""Fetching real data: what is loaded is checked before it is unpacked."""
