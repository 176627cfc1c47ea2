"""What a finished artifact holds and costs, read from the artifact itself.

| room | what it answers |
|---|---|
| `contents` | which files are in it, and what each takes |
| `distributions`, `ownership` | which distributions, and whose a file is |
| `sizes` | what each part takes |
| `importtime`, `imports` | what its modules cost to import, measured in the bundle |
| `examine` | all of it: a `Report` |
| `history`, `difference` | what changed since the previous build |
| `budget` | whether it is within what `[tool.polyfn.budget]` allows |
| `sbom` | the same content as a CycloneDX document |
| `render` | all of it for people |
"""
