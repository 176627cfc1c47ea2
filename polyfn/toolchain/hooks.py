"""The hooks of polyfn's plugins, and the marker for implementing them.

A plugin is a module (or any object) behind an entry point. In the group `polyfn.providers` it is the
provider of one target and implements `polyfn_provider`; in the group `polyfn.plugins` it adds to
polyfn whatever the target. Both kinds may implement every other hook. An implementation may leave
out arguments that it does not need, so a later polyfn can add some without breaking it.

docs/writing-a-provider.md shows them at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from polyfn.toolchain.manifest import Manifest
    from polyfn.toolchain.provider import Artifact, Build, Provider

#: The name of polyfn among pluggy's projects; its markers only match when both sides use it.
PROJECT = "polyfn"

#: Marks the implementation of a hook in a plugin.
hookimpl = pluggy.HookimplMarker(PROJECT)
hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def polyfn_provider() -> Provider:  # type: ignore[empty-body]
    """Return the one provider of this plugin.

    Called once per command, and only if the plugin's target was selected.
    """


@hookspec
def polyfn_before_package(build: Build) -> None:
    """Look at a bundle, or change files in it, before the provider wraps it.

    Raise a ToolchainError to refuse it.
    """


@hookspec
def polyfn_after_package(artifact: Artifact, build: Build) -> None:
    """Look at a finished artifact: scan it, sign it, copy it.

    It lies in a directory beside its place, and gets there only when all artifacts are made: what
    is written next to it comes along. Raise a ToolchainError to refuse it, and nothing does.
    """


@hookspec
def polyfn_checks(manifest: Manifest, provider: Provider) -> Sequence[tuple[str, str]]:  # type: ignore[empty-body]
    """Return findings for `polyfn check`, as (severity, message) pairs.

    A severity is `error`, `warning` or `note`; an error makes the check fail.
    """


@hookspec
def polyfn_commands() -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Return commands to add to `polyfn`.

    Asked only of plugins in the group `polyfn.plugins`, and only if the command line names no
    command of polyfn's own.
    """
