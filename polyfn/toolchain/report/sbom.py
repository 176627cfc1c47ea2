"""A CycloneDX document (https://cyclonedx.org, version 1.6, JSON) of what is really in an artifact.

The same artifact gives the same text: the serial number is derived from the content, and the time is
SOURCE_DATE_EPOCH, or not told.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import polyfn
from polyfn.toolchain import pythons
from polyfn.toolchain.bundle.pack import PACK, START
from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.report.contents import Contents, contents
from polyfn.toolchain.report.distributions import Distribution, distributions
from polyfn.toolchain.report.examine import manifest_of
from polyfn.toolchain.report.licences import declared, licences
from polyfn.toolchain.report.ownership import Owners
from polyfn.toolchain.report.requires import environment, graph, roots

#: A shared library that is carried, unlike an extension module, which has no `lib` in front.
_LIBRARY = re.compile(r"(^|/)lib[^/]*\.so(\.[^/]*)?$")


def write_sbom(artifact: Path, out: Path, *, epoch: int | None = None) -> None:
    """Write the document of an artifact. `epoch` is its time in seconds since 1970. Raises ArtifactError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(sbom(artifact, epoch=epoch), encoding="utf-8")


def sbom(artifact: Path, *, epoch: int | None = None, name: str | None = None) -> str:
    """Return the document of an artifact, as JSON text. Raises ArtifactError.

    `name` is what it is called in the end, while it is being made elsewhere.
    """
    with contents(artifact) as opened:
        maker = _Maker(opened, manifest_of(opened, artifact.name), artifact, name)
        document = json.loads(JsonV1Dot6(maker.bom()).output_as_string())
    return _finished(document, epoch)


def _finished(document: dict[str, Any], epoch: int | None) -> str:
    """Put what the library makes up for every document in the place of what is the same every time."""
    del document["serialNumber"]
    document["metadata"].pop("timestamp", None)
    text = json.dumps(document, sort_keys=True)
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, text).urn
    if epoch is not None:
        document["metadata"]["timestamp"] = datetime.fromtimestamp(epoch, UTC).isoformat()
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _Maker:
    """Makes the components of one artifact."""

    def __init__(
        self, opened: Contents, manifest: ArtifactManifest | None, artifact: Path, name: str | None
    ) -> None:
        self.opened, self.manifest, self.artifact = opened, manifest, artifact
        self.name = name or artifact.name
        self.found = distributions(opened)
        self.digests = {name: self._sha256(name) for name in sorted(opened.names)}
        self.files: defaultdict[Distribution | None, list[str]] = defaultdict(list)
        owners = Owners(self.found)
        for name in self.digests:
            self.files[owners.owner(name)].append(name)

    def bom(self) -> Bom:
        bom = Bom()
        bom.metadata.tools.components.add(_itself())
        root = bom.metadata.component = self._application()
        whole = [*self._interpreter(), *self._runtime()]
        packages = {one.key: self._package(one) for one in self.found}
        bom.components.update([*whole, *packages.values()])
        needs = graph(self.found, self._environment())
        for key, names in needs.items():
            bom.register_dependency(packages[key], [packages[name] for name in sorted(names)])
        for component in whole:
            bom.register_dependency(component)
        direct = [packages[key] for key in sorted(roots(needs))]
        bom.register_dependency(root, [*whole, *direct])
        return bom

    def _application(self) -> Component:
        manifest = self.manifest
        facts = {"artifact": self.name}
        if manifest is not None:
            facts |= {"target": manifest.target, "arch": manifest.arch}
        return Component(
            name=manifest.project if manifest is not None else Path(self.name).stem,
            type=ComponentType.APPLICATION,
            bom_ref="application",
            hashes=self._whole(),
            properties=_properties(facts),
        )

    def _whole(self) -> list[HashType]:
        """The hash of the file; of an image, that of its manifest, by which registries call it."""
        if self.opened.identity is not None:
            return [_hash(self.opened.identity)]
        return [] if self.artifact.is_dir() else [_hash(_file_sha256(self.artifact))]

    def _interpreter(self) -> list[Component]:
        """The interpreter, with the libraries that were carried for it."""
        inside = self._beneath("python/")
        if self.manifest is None or not inside:
            return []
        told = self.manifest.interpreter
        version = pythons.plain(told.version)
        build = "free-threaded" if pythons.threaded(told.version) else None
        facts = {"source": told.source, "origin": told.origin, "build": build}
        return [
            Component(
                name="cpython",
                version=version,
                type=ComponentType.PLATFORM,
                bom_ref="interpreter",
                purl=PackageURL("generic", None, "python", version),
                cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
                licenses=[declared("PSF-2.0")],
                hashes=[self._tree_hash(inside)],
                components=self._libraries(inside),
                properties=_properties(facts),
            )
        ]

    def _runtime(self) -> list[Component]:
        """The runtime of polyfn and the provider's, one component for each top-level package."""
        if self.manifest is None:
            return []
        packages = sorted({name.split("/")[1].removesuffix(".py") for name in self._beneath("runtime/")})
        return [self._shipped(package) for package in packages]

    def _shipped(self, package: str) -> Component:
        assert self.manifest is not None
        name = package.replace("_", "-")
        version = self.manifest.polyfn if name == "polyfn" else self.manifest.runtime.get(name)
        files = [*self._beneath(f"runtime/{package}/"), *self._beneath(f"runtime/{package}.py")]
        if name == "polyfn":
            files += [file for file in (PACK, START) if file in self.digests]
        return Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"runtime:{name}",
            purl=PackageURL("pypi", None, name, version),
            licenses=[declared("Apache-2.0")] if name == "polyfn" else [],
            hashes=[self._tree_hash(files)],
        )

    def _package(self, one: Distribution) -> Component:
        files = self.files[one]
        purl = PackageURL("pypi", None, one.key, one.version)
        return Component(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            bom_ref=purl.to_string()
            if one.base.count("/") <= 1
            else f"{purl.to_string()}#{one.base.rstrip('/')}",
            description=one.summary,
            purl=purl,
            licenses=licences(one),
            hashes=[self._tree_hash(files)],
            external_references=_references(one, files),
            components=self._libraries(files),
            properties=[Property(name="polyfn:wheel", value=tag) for tag in one.tags],
        )

    def _libraries(self, files: Iterable[str]) -> list[Component]:
        return [
            Component(
                name=posixpath.basename(name),
                type=ComponentType.FILE,
                bom_ref=f"file:{name}",
                hashes=[_hash(self.digests[name])],
                properties=[Property(name="polyfn:path", value=name)],
            )
            for name in files
            if _LIBRARY.search(name)
        ]

    def _environment(self) -> dict[str, str] | None:
        if self.manifest is None:
            return None
        return environment(self.manifest.arch, self.manifest.interpreter.version)

    def _beneath(self, prefix: str) -> list[str]:
        return [name for name in self.files[None] if name.startswith(prefix)]

    def _tree_hash(self, files: Iterable[str]) -> HashType:
        """The hash of what `sha256sum` says of the files, sorted: of what is installed, no wheel's."""
        lines = "".join(f"{self.digests[name]}  {name}\n" for name in sorted(files))
        return _hash(hashlib.sha256(lines.encode()).hexdigest())

    def _sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        for chunk in self.opened.chunks(name):
            digest.update(chunk)
        return digest.hexdigest()


def _itself() -> Component:
    version = polyfn.__version__
    return Component(
        name="polyfn",
        version=version,
        type=ComponentType.APPLICATION,
        purl=PackageURL("pypi", None, "polyfn", version),
        bom_ref="tool:polyfn",
    )


def _references(one: Distribution, files: Iterable[str]) -> list[ExternalReference]:
    """Its home, and the documents that its makers put into its wheel themselves (PEP 770)."""
    carried = [name for name in files if name.startswith(f"{one.notes}/sboms/")]
    found = [ExternalReference(type=ExternalReferenceType.BOM, url=XsUri(name)) for name in carried]
    if one.homepage:
        found.append(ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(one.homepage)))
    return found


def _properties(facts: Mapping[str, str | None]) -> list[Property]:
    return [
        Property(name=f"polyfn:{name}", value=value) for name, value in facts.items() if value is not None
    ]


def _hash(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
