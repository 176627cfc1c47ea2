"""What Lambda asks of a zip, and what its operating system has: data, with where it is written."""

from __future__ import annotations

from polyfn.toolchain.provider import ArtifactRules, SizeLimit

_LIMITS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"

#: Bytes of everything unpacked, layers included.
UNPACKED_LIMIT = 262_144_000
#: Bytes of a zip that can be uploaded directly; larger ones go through S3.
DIRECT_LIMIT = 50 * 1024 * 1024

#: provided.al2023 is made of the minimal container image of Amazon Linux 2023
#: (https://docs.aws.amazon.com/linux/al2023/ug/lambda.html). What that image has is what its own programs are
#: linked with; each line names them.
LIBRARIES = frozenset({
    "libgcc_s.so.1", "libstdc++.so.6",  # gcc 11: microdnf
    "libz.so.1", "libcrypto.so.3", "libssl.so.3", "libcurl.so.4", "libnghttp2.so.14",  # curl-minimal
    "libbz2.so.1", "liblzma.so.5", "libzstd.so.1", "libsqlite3.so.0", "libcap.so.2", "libacl.so.1",  # rpm
    "libtinfo.so.6", "libreadline.so.8", "libgmp.so.10", "libmpfr.so.6",  # bash, gawk
    "libattr.so.1", "libselinux.so.1", "libpcre2-8.so.0",  # coreutils
    "libglib-2.0.so.0", "libgobject-2.0.so.0", "libffi.so.8", "libxml2.so.2",  # microdnf
})  # fmt: skip
#: What gcc 11's libraries offer (https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html); it is the gcc of
#: Amazon Linux 2023 (https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html).
VERSIONS = {"GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}

RULES = ArtifactRules(
    # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
    entry=("bootstrap",),
    unpacked_limit=SizeLimit(UNPACKED_LIMIT, _LIMITS),
    direct_limit=SizeLimit(DIRECT_LIMIT, _LIMITS, remedy="upload it through S3: aws s3 cp, then --s3-key"),
    libraries=LIBRARIES,
    library_versions=VERSIONS,
    libraries_source="https://docs.aws.amazon.com/linux/al2023/ug/lambda.html",
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
    modules=frozenset({
        "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "awslambdaric",
        "snapshot_restore_py", "simplejson",
    }),
)  # fmt: skip
