"""Bundles: one directory tree with everything that a function needs to run."""
