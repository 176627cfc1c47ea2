"""Wheels and source distributions made on the spot, for what no public index has on purpose."""

import hashlib
import io
import platform
import sys
import tarfile
import zipfile
from pathlib import Path

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
MACHINE = platform.machine()


def wheel(folder: Path, name: str, tag: str, *, version="1.0", files=None, requires=()) -> None:
    base = f"{name}-{version}"
    notes = f"{base}.dist-info"
    content = dict(files or {f"{name}.py": "VALUE = 1\n"})
    content[f"{notes}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {requirement}\n" for requirement in requires
    )
    content[f"{notes}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    content.setdefault(f"{notes}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
    content[f"{notes}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{notes}/RECORD"])
    with zipfile.ZipFile(folder / f"{base}-{tag}.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


def source(folder: Path, name: str, setup: str, files=None) -> None:
    content = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        # A backend of its own, so that building asks no index for one.
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": setup,
        **(files or {}),
    }
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        for path, text in content.items():
            info = tarfile.TarInfo(f"{name}-1.0/{path}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))


BACKEND = """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    file = "{name}-1.0-{tag}.whl"
    notes = "{name}-1.0.dist-info/"
    with zipfile.ZipFile(folder + "/" + file, "w") as archive:
        archive.writestr("{name}.py", "VALUE = 1\\n")
        archive.writestr(notes + "METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        archive.writestr(notes + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        archive.writestr(notes + "RECORD", "{name}.py,,\\n" + notes + "METADATA,,\\n" + notes + "WHEEL,,\\n"
                         + notes + "RECORD,,\\n")
    return file
"""


def index(house: Path, folder: Path) -> None:
    """Write the pages of a simple index (PEP 503) over the files of a wheelhouse."""
    for file in house.iterdir():
        name = file.name.partition("-")[0].replace("_", "-")
        page = folder / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        page.write_text(f'<a href="{file.as_uri()}#sha256={digest}">{file.name}</a>')


def fill(folder: Path) -> Path:
    """Make the distributions that the tests ask for."""
    folder.mkdir(parents=True, exist_ok=True)
    here = f"cp{PYTHON.replace('.', '')}"
    wheel(folder, "pf_small", "py3-none-any")
    wheel(folder, "pf_only_amd64", f"{here}-{here}-manylinux_2_17_x86_64")
    wheel(folder, "pf_old", "cp38-cp38-manylinux_2_17_x86_64")
    wheel(folder, "pf_needs_polyfn", "py3-none-any", requires=("polyfn", "pf_small"))
    source(folder, "pf_broken", "raise SystemExit('no compiler for you')")
    source(folder, "pf_pure", BACKEND.format(name="pf_pure", tag="py3-none-any"))
    source(folder, "pf_native", BACKEND.format(name="pf_native", tag=f"{here}-{here}-linux_{MACHINE}"))
    return folder
