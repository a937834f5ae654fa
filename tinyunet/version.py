"""The version of this package, which `pyproject.toml` states as well."""

__version__ = "0.2.0"
