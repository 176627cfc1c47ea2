"""Paths, users and environments of containers that lie in a directory of this machine."""

import pytest

from polyfn.toolchain.emulation.container import Container, in_place, numeric_user, within


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    for name in ("bin", "usr/lib", "etc", "app/sub"):
        (root / name).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "usr/lib/so").write_text("")
    (root / "app/abs").symlink_to("/usr/lib/so")
    (root / "app/up").symlink_to("../../../../../usr")
    (root / "app/loop").symlink_to("loop")
    (root / "app/here").symlink_to("sub")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:\nbroken\n")
    (root / "etc/group").write_text("root:x:0:\nstaff:x:50:app\n")
    return root


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", ""), ("/lib/so", "usr/lib/so"), ("lib/./so", "usr/lib/so"), ("/app/abs", "usr/lib/so"),
        ("/app/up/lib/so", "usr/lib/so"), ("/../../etc", "etc"), ("/app/here/../abs", "usr/lib/so"),
        ("/none/x", "none/x"), ("/app/loop", "app/loop"),
    ],
)  # fmt: skip
def test_links_are_followed_inside_the_root(root, path, place):
    assert within(root, path) == root / place


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", (0, 0)), ("65532", (65532, 0)), ("1000", (1000, 1001)), ("app", (1000, 1001)), ("root", (0, 0)),
        ("app:staff", (1000, 50)), ("7:8", (7, 8)), ("7:staff", (7, 50)), ("app:0", (1000, 0)),
    ],
)  # fmt: skip
def test_users(root, text, numbers):
    assert numeric_user(root, text) == numbers


@pytest.mark.parametrize("text", ["nobody", "app:nobody"])
def test_users_that_are_not_there(root, text):
    with pytest.raises(LookupError, match="nobody"):
        numeric_user(root, text)


def test_an_image_without_users(tmp_path):
    assert numeric_user(tmp_path, "5") == (5, 0)
    assert Container(tmp_path, ("x",)).home() == "/"


def test_home(root):
    assert Container(root, ("x",), user=(1000, 0)).home() == "/home/app"
    assert Container(root, ("x",), user=(7, 0)).home() == "/"


def test_in_place(root):
    command = ("/app/sub", "/lib/so", "/app/abs", "/none", "relative", "/", "--file=/lib/so")
    environment = {"PATH": "/bin:/none", "LIBRARY": "/lib/so", "TEXT": "a:b", "URL": "http://x"}
    words, directory, variables = in_place(Container(root, command, environment, "/app"))
    assert words == [
        f"{root}/app/sub", f"{root}/lib/so", f"{root}/usr/lib/so", "/none", "relative", "/", "--file=/lib/so",
    ]  # fmt: skip
    assert directory == root / "app"
    assert variables.pop("PATH").startswith(f"{root}/bin:/none:")
    assert variables == {"LIBRARY": f"{root}/lib/so", "TEXT": "a:b", "URL": "http://x"}


def test_in_place_without_its_directory(root):
    assert in_place(Container(root, ("x",), directory="/none"))[1] == root
