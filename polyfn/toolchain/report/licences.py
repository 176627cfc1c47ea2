"""What a distribution says of its licence, in the words of SPDX as far as they can be known."""

from __future__ import annotations

from cyclonedx.model.license import (
    DisjunctiveLicense,
    LicenseAcknowledgement,
    LicenseExpression,
)
from cyclonedx.spdx import fixup_id, is_expression

from polyfn.toolchain.report.distributions import Distribution

#: Classifiers that mean one licence and no other. "BSD License" and the like mean several.
_CLASSIFIED = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zope Public License": "ZPL-2.1",
}
#: Some put the whole text of their licence where its name belongs.
_LONGEST_NAME = 100

_DECLARED = LicenseAcknowledgement.DECLARED


def licences(distribution: Distribution) -> list[LicenseExpression | DisjunctiveLicense]:
    """Return what it declares: its expression, else its classifiers, else its free text, else nothing."""
    said = distribution.license_expression
    if said and is_expression(said):
        return [declared(said)]
    if distribution.license_classifiers:
        return [_classified(text) for text in distribution.license_classifiers]
    text = (said or distribution.license or "").strip()
    return [declared(text)] if text and "\n" not in text and len(text) <= _LONGEST_NAME else []


def declared(text: str) -> LicenseExpression | DisjunctiveLicense:
    """Return a licence by its SPDX id, as an SPDX expression, or by its name."""
    spdx = fixup_id(text)
    if spdx is not None:
        return DisjunctiveLicense(id=spdx, acknowledgement=_DECLARED)
    if is_expression(text):
        return LicenseExpression(text, acknowledgement=_DECLARED)
    return DisjunctiveLicense(name=text, acknowledgement=_DECLARED)


def _classified(text: str) -> DisjunctiveLicense:
    spdx = _CLASSIFIED.get(text)
    if spdx is not None:
        return DisjunctiveLicense(id=spdx, acknowledgement=_DECLARED)
    return DisjunctiveLicense(name=text, acknowledgement=_DECLARED)
