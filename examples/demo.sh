#!/bin/sh
# The main job, end to end: package one function for every provider, run each finished artifact here,
# ask it. `make demo` calls this with polyfn and its Python on the PATH.
set -eu
here=$(dirname "$0")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s\n' "$*" >&2; }

targets=$(polyfn providers --json |
    python -c 'import json, sys; print(*(one["name"] for one in json.load(sys.stdin)["providers"]))')

for target in $targets; do
    # This machine's own interpreter, with its libraries: nothing is downloaded but the dependencies.
    say "$ polyfn package examples/hello/hello.py --target $target --interpreter host"
    artifact=$(polyfn package "$here/hello/hello.py" --target "$target" --interpreter host --out "$out")

    say "$ polyfn invoke $(basename "$artifact")::hello    # a plain dict"
    polyfn invoke "$artifact::hello" --data '{"name": "world"}'

    say "$ polyfn invoke $(basename "$artifact")::hello_model    # a pydantic model"
    polyfn invoke "$artifact::hello_model" --data '{"name": "world"}'

    say "$ polyfn invoke examples/greeting/greeting.py --target $target    # HTTP, from its source"
    polyfn invoke "$here/greeting/greeting.py" --target "$target" --data '{"name": "Bakhodir"}'
done
