"""What Cloud Run asks of an artifact, and what the systems below it have: data, with where it is written."""

from __future__ import annotations

from polyfn.toolchain.provider import ArtifactRules

RULES = ArtifactRules(
    # What the default base image has besides glibc, and Google's own images as well, which are Ubuntu's
    # (https://cloud.google.com/run/docs/configuring/services/runtime-base-images).
    libraries=frozenset({"libgcc_s.so.1", "libstdc++.so.6"}),
    libraries_source="https://github.com/GoogleContainerTools/distroless/tree/main/cc",
)
