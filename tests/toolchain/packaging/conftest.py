import textwrap

import pytest

from tests.toolchain.packaging import houses, targets


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory):
    return houses.fill(tmp_path_factory.mktemp("wheelhouse"))


@pytest.fixture
def house(wheelhouse, monkeypatch):
    """Distributions from the wheelhouse alone: no index is asked, and no user's settings count."""
    monkeypatch.setenv("UV_FIND_LINKS", str(wheelhouse))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    return wheelhouse


@pytest.fixture
def index(wheelhouse, tmp_path, monkeypatch):
    """The wheelhouse as an index, which knows the hash of every file."""
    houses.index(wheelhouse, tmp_path / "simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "simple").as_uri())
    monkeypatch.setenv("UV_NO_CONFIG", "1")


@pytest.fixture
def write(tmp_path):
    """Write files: `write({"app.py": "..."})` returns the directory."""

    def write(files, folder="project"):
        root = tmp_path / folder
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        return root

    return write


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The plugins of a machine on which only the target `desk` is installed."""
    targets.write_runtime(tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / "cache"))
    return targets.OnlyDesk()


@pytest.fixture
def log():
    """A list of lines that is also the function that takes them."""

    class Log(list):
        __call__ = list.append

    return Log()
