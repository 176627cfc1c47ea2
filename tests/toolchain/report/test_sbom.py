"""The CycloneDX document of an artifact: valid, the same every time, and about what is really inside."""

import hashlib
import json
import shutil
import zipfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from polyfn.toolchain.report.distributions import Distribution
from polyfn.toolchain.report.licences import licences
from polyfn.toolchain.report.requires import environment, graph, roots
from polyfn.toolchain.report.sbom import sbom, write_sbom

pytestmark = [
    pytest.mark.timeout(300),
    # The validator of CycloneDX uses names of jsonschema that are on their way out.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:cyclonedx"),
]


@pytest.fixture(scope="session")
def text(hello):
    return sbom(hello)


@pytest.fixture(scope="session")
def document(text):
    return json.loads(text)


def by_name(document):
    return {component["name"]: component for component in document["components"]}


def valid(text):
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert fault is None, fault
    return json.loads(text)


def test_it_is_valid(text):
    valid(text)


def test_a_wrong_one_would_be_found(text):
    assert (
        JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"library"', '"book"')) is not None
    )


def test_everything_inside_is_named(document, report):
    inside = {part.name for part in report.parts if part.kind == "distribution"}
    assert inside | {"cpython", "polyfn", "polyfn-aws"} == set(by_name(document))
    pydantic = by_name(document)["pydantic"]
    version = next(part.version for part in report.parts if part.name == "pydantic")
    assert (pydantic["version"], pydantic["purl"]) == (version, f"pkg:pypi/pydantic@{version}")
    assert pydantic["licenses"] == [{"license": {"id": "MIT", "acknowledgement": "declared"}}]
    assert document["metadata"]["component"]["name"] == "hello"


def test_the_interpreter_is_named_as_scanners_know_it(document, report):
    python = by_name(document)["cpython"]
    assert python["version"] == report.python
    assert python["purl"] == f"pkg:generic/python@{report.python}"
    assert python["cpe"].startswith(f"cpe:2.3:a:python:python:{report.python}:")


def test_hashes_are_of_what_is_inside(document, hello):
    assert (
        document["metadata"]["component"]["hashes"][0]["content"]
        == hashlib.sha256(hello.read_bytes()).hexdigest()
    )
    libraries = {one["name"]: one for one in by_name(document)["cpython"]["components"]}
    with zipfile.ZipFile(hello) as archive:
        assert "libz.so.1" in libraries
        for one in libraries.values():
            [path] = [entry["value"] for entry in one["properties"] if entry["name"] == "polyfn:path"]
            assert one["hashes"][0]["content"] == hashlib.sha256(archive.read(path)).hexdigest()
        names = [n for n in archive.namelist() if n.startswith("site/annotated_types")]
        lines = [f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n" for name in sorted(names)]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert by_name(document)["annotated-types"]["hashes"] == [{"alg": "SHA-256", "content": expected}]


def test_who_needs_whom(document):
    refs = {component["bom-ref"]: component["name"] for component in document["components"]}
    refs["application"] = "application"
    needs = {
        refs[one["ref"]]: {refs[ref] for ref in one.get("dependsOn", ())}
        for one in document["dependencies"]
        if one["ref"] in refs
    }
    assert needs["application"] == {"cpython", "polyfn", "polyfn-aws", "pydantic"}
    assert needs["pydantic"] == {"annotated-types", "pydantic_core", "typing-inspection", "typing_extensions"}
    assert needs["pydantic_core"] == {"typing_extensions"}


def test_the_same_artifact_gives_the_same_text(hello, text, tmp_path):
    shutil.copy(hello, tmp_path / hello.name)
    assert sbom(tmp_path / hello.name) == text
    assert "timestamp" not in json.loads(text)["metadata"]


def test_another_artifact_has_another_serial_number(made, document):
    serials = {json.loads(sbom(made(arch)))["serialNumber"] for arch in ("amd64", "arm64")}
    assert len(serials) == 2
    assert document["serialNumber"] in serials


def test_the_time_is_the_given_one(hello, document, tmp_path):
    write_sbom(hello, tmp_path / "deep" / "x.json", epoch=1_700_000_000)
    timed = valid((tmp_path / "deep" / "x.json").read_text())
    assert timed["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert timed["serialNumber"] == document["serialNumber"]


def test_a_zip_that_polyfn_did_not_make(zipped):
    path = zipped(
        {"handler.py": ""},
        a=("1.0", {"a.py": ""}, "Requires-Dist: b; sys_platform == 'win32'", "License: A Fine Licence"),
        b=("2.0", {"b/libmine.so.1": "x"}, "Requires-Dist: a"),
    )
    document = valid(sbom(path))
    assert set(by_name(document)) == {"a", "b"}
    assert by_name(document)["b"]["components"][0]["name"] == "libmine.so.1"
    assert by_name(document)["a"]["licenses"][0]["license"]["name"] == "A Fine Licence"


def distribution(name="x", *requires, **facts):
    return Distribution(name, "1", "site/", f"site/{name}-1.dist-info", requires=requires, **facts)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"license_expression": "MIT"}, ["MIT"]),
        ({"license_expression": "mit OR Apache-2.0"}, ["mit OR Apache-2.0"]),
        ({"license_expression": "MIT", "license_classifiers": ("BSD License",)}, ["MIT"]),
        ({"license_classifiers": ("MIT License", "BSD License")}, ["MIT", "BSD License"]),
        ({"license": "apache-2.0"}, ["Apache-2.0"]),
        ({"license": "Dual License"}, ["Dual License"]),
        ({"license": "Copyright me\n\nPermission is granted"}, []),
        ({"license": "x" * 200}, []),
        ({}, []),
    ],
)
def test_licences(facts, expected):
    found = licences(distribution(**facts))
    said = [getattr(one, "value", None) or getattr(one, "id", None) or one.name for one in found]
    assert said == expected


def test_requirements_count_for_the_target_and_for_the_extras_asked_for():
    present = [
        distribution("app", "Web[fast]>=1", "win; sys_platform == 'win32'", "absent", "not a requirement!"),
        distribution(
            "web", "quick; extra == 'fast'", "slow; extra == 'slow'", "arm; platform_machine == 'aarch64'"
        ),
        *map(distribution, ("quick", "slow", "win", "arm")),
    ]
    needs = graph(present, environment("amd64", "3.13.2"))
    assert needs["app"] == {"web"}
    assert needs["web"] == {"quick"}
    assert graph(present, environment("arm64", "3.13"))["web"] == {"quick", "arm"}
    assert graph(present, None)["web"] == {"quick", "slow", "arm"}
    assert roots(needs) == {"app", "slow", "win", "arm"}


def test_what_needs_each_other_is_reached_all_the_same():
    needs = {"a": {"b"}, "b": {"a", "c"}, "c": set(), "d": {"d"}}
    assert roots(needs) == {"a", "d"}
