"""The golden source: one module per capability, the same for every provider."""
