"""Projects: what PATH on the command line means.

PATH is a directory whose pyproject.toml has a `[tool.polyfn]` table, or one Python file whose
dependencies stand in a PEP 723 block. Reading a project imports none of its code.
"""

from polyfn.toolchain.project.load import load
from polyfn.toolchain.project.model import Project
from polyfn.toolchain.project.settings import Settings, schema
from polyfn.toolchain.project.source import Source, parse_source

__all__ = ["Project", "Settings", "Source", "load", "parse_source", "schema"]
