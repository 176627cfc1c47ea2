#!/bin/sh
# The main job, end to end: package one function, run the finished artifact here, ask it.
# `make demo` calls this with polyfn on the PATH.
set -eu
here=$(dirname "$0")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

for target in $(polyfn providers --names); do
    say "polyfn package examples/hello/hello.py --target $target"
    artifact=$(polyfn package "$here/hello/hello.py" --target "$target" --out "$out")
    say "the finished $target artifact answers, from a plain dict and from a pydantic model:"
    polyfn invoke "$artifact::hello" --data '{"name": "world"}'
    polyfn invoke "$artifact::hello_model" --data '{"name": "world"}'

    say "an HTTP function, from its source, behind the same protocol:"
    polyfn invoke "$here/greeting/greeting.py::greeting" --target "$target" --data '{"name": "Bakhodir"}'
done
