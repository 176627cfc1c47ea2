"""The checks: each a function from the subject to findings, one concern per file."""
