"""The same inputs give the same bytes, whatever the machine's circumstances."""

import json
import os
import subprocess
import sys

import pytest

from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.packaging import EPOCH
from tests import standalone
from tests.toolchain.packaging import houses, targets

HOST = {"x86_64": "amd64", "aarch64": "arm64"}[houses.MACHINE]
BUILD = """
import os, sys
from pathlib import Path
source, out, installed, umask, interpreter = sys.argv[1:]
os.umask(int(umask, 8))
sys.path.insert(0, installed)
from polyfn.toolchain.packaging import PackageRequest, package
from tests.toolchain.packaging import targets
package(PackageRequest(Path(source), "desk", ("amd64", "arm64"), python="3.11",
                       interpreter=interpreter or None, out=Path(out)), plugins=targets.OnlyDesk(hooks=False))
"""
FILES = {
    "pyproject.toml": "[project]\nname = 'x'\ndependencies = ['pf_small', 'pf_pure']\n"
    "[tool.polyfn]\nmodule = 'app'\n",
    "app.py": "import polyfn\n@polyfn.function\n"
    "def app(event: dict): return {'a', 'b', event['c'], None, 1.5}\n",
    "package/words.py": "WORDS = {'a', 'b', None, 1.5}\ndef f(x): return x in {'d', 'e', 'f', 'g'}\n",
    "package/sub/__init__.py": "",
}


@pytest.mark.parametrize("interpreter", ["platform", ""], ids=["platform", "managed"])
def test_places_umask_time_zone_locale_and_hash_seed_do_not_count(house, write, tmp_path, interpreter):
    targets.write_runtime(tmp_path / "installed")
    downloads = {}
    if not interpreter:
        downloads["UV_PYTHON_DOWNLOADS_JSON_URL"] = standalone.downloads(tmp_path, "amd64", "arm64")
    sums = []
    for turn, umask, zone, locale, seed in (("one", "022", "UTC", "C.UTF-8", "1"),
                                            ("the other", "077", "Pacific/Chatham", "C", "77")):  # fmt: skip
        root = write(FILES, f"{turn}/project")
        os.utime(root / "app.py", (1, 1) if turn == "one" else None)
        (tmp_path / turn / "tmp").mkdir()
        environment = {
            **os.environ, "TZ": zone, "LC_ALL": locale, "LANG": locale, "PYTHONHASHSEED": seed,
            "HOME": str(tmp_path / turn), "TMPDIR": str(tmp_path / turn / "tmp"),
            "POLYFN_CACHE": str(tmp_path / turn / "cache"),
            "UV_CACHE_DIR": str(tmp_path / turn / "uv"), **downloads,
        }  # fmt: skip
        out = tmp_path / turn / "out"
        subprocess.run(
            [sys.executable, "-c", BUILD, root, out, tmp_path / "installed", umask, interpreter],
            env=environment, check=True,
        )  # fmt: skip
        sums.append(
            [
                write_zip(out / f"x-desk-{arch}", tmp_path / f"{turn}.zip", epoch=EPOCH).sha256
                for arch in ("amd64", "arm64")
            ]
        )
    assert sums[0] == sums[1]


def test_bytecode_tells_of_its_source_alone(tmp_path):
    """Compiled alone or after others, a file gives the same bytes: so parts of a bundle can be kept."""
    from polyfn.toolchain.bundle import bytecode

    source = (
        "import os\nNAMES = ('os', 'path', 'value', b'x', 1.5, None)\n"
        "def value(path, *, names=NAMES): return path.names\n"
    )
    other = "value = names = path = NAMES = 1\nclass os:\n    def value(self, path): return self.names\n"
    for turn, folders in (("one", ["b"]), ("two", ["a", "b"]), ("three", ["b", "a"])):
        for name, text in (("a", other), ("b", source)):
            (tmp_path / turn / name).mkdir(parents=True)
            (tmp_path / turn / name / f"{name}.py").write_text(text)
        bytecode._compile(sys.executable, tmp_path / turn, tuple(folders))
    found = [next((tmp_path / turn / "b").rglob("*.pyc")).read_bytes() for turn in ("one", "two", "three")]
    assert found[0] == found[1] == found[2]


def test_a_cold_build_and_one_from_the_parts_are_alike(house, write, tmp_path):
    """After a change the other parts come from the cache, and the bytes are those of a first build."""
    targets.write_runtime(tmp_path / "installed")
    environment = {**os.environ, "POLYFN_CACHE": str(tmp_path / "cache")}
    sums = []
    changed = FILES["app.py"] + "x = 1\n"
    for cache, text in (("one", FILES["app.py"]), ("one", changed), ("two", changed)):
        root = write({**FILES, "app.py": text})
        environment["POLYFN_CACHE"] = str(tmp_path / cache)
        command = [
            sys.executable,
            "-c",
            BUILD,
            root,
            tmp_path / "out",
            tmp_path / "installed",
            "022",
            "platform",
        ]
        subprocess.run(command, env=environment, check=True)
        sums.append(write_zip(tmp_path / "out" / f"x-desk-{HOST}", tmp_path / "x.zip", epoch=EPOCH).sha256)
    assert sums[0] != sums[1]
    assert sums[1] == sums[2]


def test_distributions_know_their_versions_and_entry_points_at_run_time(house, write, tmp_path, desk):
    from polyfn.toolchain.packaging import PackageRequest, package

    text = """
        # /// script
        # dependencies = ["pf_small"]
        # ///
        import polyfn

        @polyfn.function
        def hello(event: dict) -> dict:
            from importlib.metadata import entry_points, files, version
            scripts = [entry.value for entry in entry_points(group="console_scripts")]
            return {"version": version("pf_small"), "scripts": scripts, "files": len(files("pf_small"))}
        """
    root = write({"hello.py": text})
    (made,) = package(
        PackageRequest(root / "hello.py", "desk", (HOST,), interpreter="host", out=tmp_path / "out"),
        plugins=desk,
    )
    told = subprocess.run([made.path / "start"], capture_output=True, text=True, check=True, env={})
    assert json.loads(told.stdout)["said"] == {"version": "1.0", "scripts": ["pf_small:main"], "files": 5}
