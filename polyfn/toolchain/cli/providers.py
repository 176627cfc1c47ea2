"""`polyfn providers`: which platforms are installed, from metadata alone."""

from __future__ import annotations

from typing import Any

import click

from polyfn.toolchain.cli.options import json_option, option
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.errors import ToolchainError
from polyfn.toolchain.installed import ALLOW, PLUGINS, PROVIDERS, Installed, allowed, installed


@click.command("providers", short_help="List the installed platforms.")
@option("--check", is_flag=True, help="Load every plugin as well, and tell which are broken.")
@json_option
@click.pass_obj
def command(output: Output, check: bool) -> int:
    """List the installed platforms: each name is a --target.

    Nothing is imported for the list, so a broken plugin cannot hide the others; --check loads them
    all and exits with 1 if one is broken. Plugins that serve every target follow in the list.
    """
    entries = [_entry(plugin, "provider") for plugin in installed(PROVIDERS)]
    entries += [_entry(plugin, "plugin") for plugin in installed(PLUGINS)]
    if check:
        _load_all(entries)
    if output.json:
        output.result({"providers": _of(entries, "provider"), "plugins": _of(entries, "plugin")})
    elif entries:
        _show(output, entries, checked=check)
    else:
        output.say(_none())
    return int(any(not entry.get("ok", True) for entry in entries))


def _none() -> str:
    from polyfn.toolchain.plugin_faults import own_extras

    if allowed() is not None:
        return f"no platform is installed that {ALLOW} allows"
    known = ", ".join(f"pip install 'polyfn[{extra}]'" for extra in own_extras())
    return "no platform is installed" + (f"; install one: {known}" if known else "")


def _entry(plugin: Installed, kind: str) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "kind": kind,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.entry.value,
    }


def _of(entries: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in entry.items() if k != "kind"} for entry in entries if entry["kind"] == kind]


def _show(output: Output, entries: list[dict[str, Any]], *, checked: bool) -> None:
    columns = ["name", "kind", "distribution", "version"]
    rows = [[str(entry[column]) for column in columns] for entry in entries]
    if checked:
        columns.append("state")
        for row, entry in zip(rows, entries, strict=True):
            row.append(entry["summary"] if entry["ok"] else f"broken ({entry['error']['code']})")
    output.table(columns, rows)
    for entry in entries:
        if not entry.get("ok", True):
            output.warn(f"{entry['name']}: {entry['error']['message']}")


def _load_all(entries: list[dict[str, Any]]) -> None:
    from polyfn.toolchain.cli.failures import described
    from polyfn.toolchain.plugin_load import load
    from polyfn.toolchain.plugins import Plugins

    for entry in entries:
        try:
            if entry["kind"] == "provider":
                provider = Plugins().provider(entry["name"])
                found = {"summary": provider.summary, "api": provider.api, **_abilities(provider)}
            else:
                load(installed(PLUGINS, name=entry["name"])[0])
                found = {"summary": "fine"}
            entry.update(found, ok=True)
        except ToolchainError as error:
            entry.update(ok=False, error=described(error))


def _abilities(provider: Any) -> dict[str, Any]:
    return {
        "capabilities": sorted(provider.capabilities),
        "platforms": [
            {"arch": platform.arch, "glibc": "{}.{}".format(*platform.glibc)}
            for platform in provider.platforms
        ],
        "pythons": list(provider.pythons),
        "formats": list(provider.formats),
        "emulator": provider.emulate is not None,
    }
