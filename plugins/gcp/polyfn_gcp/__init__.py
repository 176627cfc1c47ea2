"""polyfn's provider for Google Cloud Run.

`runtime` ships inside artifacts and needs the standard library alone; the rest stays home.
"""
