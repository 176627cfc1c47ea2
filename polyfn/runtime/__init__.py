"""What every provider's runtime shares. It ships inside artifacts: standard library only, and lazy."""
