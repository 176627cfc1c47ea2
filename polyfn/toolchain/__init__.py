"""What stays on the developer's machine: projects, bundles, artifacts, plugins, emulation, the CLI.

Nothing outside this package may import it, because nothing of it travels inside an artifact.
"""
