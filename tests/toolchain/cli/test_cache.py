"""`polyfn cache`, and what `polyfn package` says without building."""

import json


def test_the_cache_is_shown_and_made_empty(box):
    (box.root / "one.py").write_text("import polyfn\n\n@polyfn.function\ndef one(event): ...\n")
    cache = box.root / "kept"
    settings = {"POLYFN_CACHE": str(cache)}
    done = box.polyfn("package", "one.py", "--target", "box", "--interpreter", "platform", **settings)
    assert done.returncode == 0, done.stderr
    assert (cache / "CACHEDIR.TAG").is_file()
    assert box.polyfn("cache", **settings).stdout == f"{cache}\n"
    told = json.loads(box.polyfn("cache", "dir", "--json", **settings).stdout)
    assert told["cache"] == str(cache)
    assert told["size"] > 0
    assert box.polyfn("cache", "prune", **settings).returncode == 0
    assert list((cache / "store").glob("*/*/entry.json"))
    freed = json.loads(box.polyfn("cache", "clean", "--json", **settings).stdout)
    assert freed["freed"] > 0
    assert not cache.exists()


def test_a_directory_that_is_no_cache_is_not_removed(box):
    (box.root / "precious").mkdir()
    (box.root / "precious" / "file").write_text("")
    done = box.polyfn("cache", "clean", POLYFN_CACHE=str(box.root / "precious"))
    assert done.returncode == 0
    assert (box.root / "precious" / "file").exists()


def test_explain_and_dry_run(box):
    (box.root / "one.py").write_text("raise SystemExit('imported')\n")
    done = box.polyfn("package", "one.py", "--target", "box", "--interpreter", "platform", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "app/one.py" in done.stdout
    assert not (box.root / "dist").exists()
    told = json.loads(
        box.polyfn(
            "package", "one.py", "--target", "box", "--interpreter", "platform", "--explain", "--json"
        ).stdout
    )
    assert told["schema"] == 1
    assert told["previews"][0]["files"] == ["one.py"]
