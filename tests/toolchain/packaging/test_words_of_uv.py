"""What is kept of uv's words."""

from subprocess import CompletedProcess

from polyfn.toolchain import uv_command


def said(stderr, **options):
    return uv_command.said(CompletedProcess([], 1, "", stderr), **options)


def test_the_error_is_kept_and_the_progress_is_not():
    assert said("Using CPython 3.11\nwarning: x\nerror: No\n  cause: why\n\nhint: do\n") == (
        "error: No\n  cause: why\nhint: do"
    )


def test_older_versions_draw_theirs():
    assert said("Resolved 2 packages\n  \u00d7 Failed\n  why\n") == "  \u00d7 Failed\n  why"


def test_words_without_an_error_are_kept_whole():
    assert said("something else\n") == "something else"
    assert said("") == ""


def test_a_long_story_keeps_its_beginning_and_its_end():
    story = said("error: no\n" + "".join(f"  {n}\n" for n in range(100)), lines=3)
    assert story.splitlines() == ["error: no", "  0", "  1", "...", "  97", "  98", "  99"]


def test_the_users_settings_reach_uv_and_an_activated_environment_does_not(monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", "/somewhere/of/mine")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    assert uv_command.run("cache", "dir").stdout.strip() == "/somewhere/of/mine"
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "nonsense")
    assert "nonsense" in uv_command.run("python", "list").stderr
