"""polyfn's provider for Azure Functions.

`runtime` ships inside artifacts and needs the standard library alone; the rest stays home.
"""
