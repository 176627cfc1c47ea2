"""A bundle as an image has it: its parts in layers by their rate of change, and what is executed."""

from __future__ import annotations

from polyfn.toolchain.artifacts.oci.layers import LayerSpec
from polyfn.toolchain.bundle.pack import PACK, START
from polyfn.toolchain.bundle.script import FLAGS
from polyfn.toolchain.provider import Bundle

#: The parts of a bundle that change seldom, the most seldom first. What is not here changes with the code.
_PARTS = {"interpreter": ("python",), "dependencies": ("site",), "runtime": ("runtime", PACK)}
#: Where programs write what nobody keeps; on scratch nobody else makes it.
_TMP = (("tmp", 0o1777),)


def layers(bundle: Bundle, place: str) -> tuple[LayerSpec, ...]:
    """Return the layers of a bundle whose root is the folder `place` of the image: `srv/bundle`."""
    there = {path.name for path in bundle.root.iterdir()}
    parts = {name: sorted(there.intersection(paths)) for name, paths in _PARTS.items()}
    parts["code"] = sorted(there.difference(*parts.values()))
    return tuple(
        LayerSpec(name, bundle.root, paths, place, _TMP if name == "interpreter" else ())
        for name, paths in parts.items()
    )


def entrypoint(bundle: Bundle, place: str) -> tuple[str, ...]:
    """Return the words that run a bundle at `place`, without a shell; it must have an interpreter."""
    root = f"/{place.strip('/')}"
    start = START if (bundle.root / START).exists() else "start.py"
    inside = [
        f"{root}/{word}" if "/" in word and not word.startswith(("/", "-")) else word
        for word in bundle.command
    ]
    return (*inside, *FLAGS, f"{root}/{start}")
