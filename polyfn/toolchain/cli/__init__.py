"""The command line: `polyfn`. One file per command, imported only when that command runs.

Data goes to stdout and messages to stderr. docs/cli.md is its reference.
"""
