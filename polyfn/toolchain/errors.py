"""The errors of the toolchain, in one tree.

    ToolchainError(PolyfnError)
    ├── UsageError               PF200  an argument or a combination of options cannot work
    ├── ProjectError             PF201  [tool.polyfn], the PEP 723 block or PATH is wrong
    ├── EventFileError           PF202  --data or --event cannot be read
    ├── UnknownTargetError       PF301  no installed plugin provides the target
    ├── PluginError              PF302  the target's plugin is broken
    ├── PluginClashError         PF303  two distributions provide the same target
    ├── ApiLevelError            PF304  plugin and core do not speak the same level of the seam
    ├── PlatformError            PF305  the provider has no such architecture or format
    ├── CapabilityError          PF306  the provider cannot honour what a function asks
    ├── EmulationError           PF307  the emulator could not start or lost the artifact
    ├── InterpreterError         PF401  no interpreter for the target can be had
    ├── DependencyError          PF402  the dependencies do not resolve
    ├── NoWheelError             PF403  a dependency has no wheel for the target
    ├── ArtifactError            PF404  the artifact is not what it should be
    ├── BudgetError              PF405  the artifact is larger or slower than its budget
    ├── RegistryError            PF406  a registry of images refuses, or cannot be reached
    └── InternalError            PF500  a defect of polyfn

The user's own mistakes in what ships (PF1xx) are in polyfn.errors. docs/errors.md lists them all.
"""

from polyfn.errors import PolyfnError


class ToolchainError(PolyfnError):
    """Base of the errors that only the toolchain raises."""


class UsageError(ToolchainError):
    """An argument or a combination of options cannot work."""

    code = "PF200"


class ProjectError(ToolchainError):
    """PATH holds no project or script that can be read, or its settings are wrong."""

    code = "PF201"


class EventFileError(ToolchainError):
    """`--data` or `--event` cannot be read as what it should be."""

    code = "PF202"


class UnknownTargetError(ToolchainError):
    """No installed plugin provides the target."""

    code = "PF301"


class PluginError(ToolchainError):
    """The plugin of the selected target cannot be loaded; `__cause__` is what it raised."""

    code = "PF302"


class PluginClashError(ToolchainError):
    """Two distributions provide the same target."""

    code = "PF303"


class ApiLevelError(ToolchainError):
    """The plugin was written for a level of the provider seam that this polyfn does not speak."""

    code = "PF304"


class PlatformError(ToolchainError):
    """The provider has no such architecture, Python version or interpreter source."""

    code = "PF305"


class CapabilityError(ToolchainError):
    """The provider cannot honour what a function's declaration asks for."""

    code = "PF306"


class EmulationError(ToolchainError):
    """The emulator could not start, or the artifact died under it."""

    code = "PF307"


class InterpreterError(ToolchainError):
    """No interpreter for the target can be had from the chosen source."""

    code = "PF401"


class DependencyError(ToolchainError):
    """The dependencies do not resolve, or one of them cannot be built."""

    code = "PF402"


class NoWheelError(ToolchainError):
    """A dependency has no wheel for the target's Python, architecture and libc."""

    code = "PF403"


class ArtifactError(ToolchainError):
    """An artifact is missing, is not one of this target, or breaks one of its rules."""

    code = "PF404"


class BudgetError(ToolchainError):
    """An artifact is larger, or slower to import, than `[tool.polyfn.budget]` allows."""

    code = "PF405"


class RegistryError(ToolchainError):
    """A registry of container images refuses, cannot be reached, or answers what it should not.

    `status` is that of its answer, 0 where there is none.
    """

    code = "PF406"

    def __init__(self, message: str, *, hint: str | None = None, status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class InternalError(ToolchainError):
    """A defect of polyfn: please report it."""

    code = "PF500"
