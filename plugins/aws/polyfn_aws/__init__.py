"""polyfn's provider for AWS Lambda.

`runtime` ships inside artifacts and needs the standard library alone; the rest stays home.
"""
