"""What the host asks of an artifact, and what the system below it has: data, with where it is written."""

from __future__ import annotations

from polyfn.toolchain.provider import ArtifactRules

#: The image for custom handlers is of .NET's runtime-deps for Debian 12, which installs libgcc-s1,
#: libstdc++6, libssl3 and zlib1g beside libc6 (https://github.com/dotnet/dotnet-docker, src/runtime-deps).
#: libicu is left out: its version changes with .NET's.
LIBRARIES = frozenset({
    "libgcc_s.so.1", "libstdc++.so.6", "libssl.so.3", "libcrypto.so.3", "libz.so.1",
})  # fmt: skip
#: What the libraries of gcc 12, Debian 12's, offer (https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html).
VERSIONS = {"GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}

RULES = ArtifactRules(
    # What host.json names. The host makes it executable on some plans and not on others.
    entry=("start",),
    libraries=LIBRARIES,
    library_versions=VERSIONS,
    libraries_source="https://github.com/Azure/azure-functions-docker",
    # The library of the native Python model is on the path of Azure's own worker.
    modules=frozenset({"azure"}),
)
