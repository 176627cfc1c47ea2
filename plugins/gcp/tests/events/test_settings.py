"""`[tool.polyfn.gcp]`."""

import pytest
from pydantic import ValidationError

from polyfn_gcp.settings import GcpSettings


def test_the_defaults_as_the_runtime_gets_them():
    assert GcpSettings().model_dump(mode="json") == {
        "timeout": 300, "concurrency": 80, "threads": 80, "memory": 512, "server": "uvicorn",
        "loop": "uvloop", "poison": "retry", "project": None, "base": None, "env": {},
    }  # fmt: skip


@pytest.mark.parametrize("project", ["my-project-1", "example.com:my-project"])
def test_projects(project):
    assert GcpSettings(project=project).project == project


@pytest.mark.parametrize("name", ["A", "LOG_LEVEL", "K_SOMETHING", "PORTS", "GOOGLE_CLOUD_PROJECT", "_x1"])
def test_variables_of_ones_own(name):
    assert GcpSettings(env={name: "v"}).env == {name: "v"}


@pytest.mark.parametrize(
    "name",
    ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION",
     "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "CLOUD_RUN_TASK_COUNT", "CLOUD_RUN_WORKER_POOL",
     "CLOUD_RUN_REVISION", "X_GOOGLE_ANYTHING", "X_GOOGLE_"],
)  # fmt: skip
def test_reserved_variables_are_refused_by_name(name):
    with pytest.raises(ValidationError, match=f"{name} is a name that Cloud Run keeps for itself"):
        GcpSettings(env={"FINE": "1", name: "v"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0}, {"timeout": 3601}, {"concurrency": 0}, {"concurrency": 1001}, {"threads": 0},
        {"memory": 64}, {"server": "gunicorn"}, {"loop": "trio"}, {"poison": "keep"}, {"project": "No"},
        {"env": {"1A": ""}}, {"env": {"A=B": ""}}, {"env": {"": ""}}, {"memroy": 512},
    ],
)  # fmt: skip
def test_what_is_refused(wrong):
    with pytest.raises(ValidationError):
        GcpSettings(**wrong)


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        GcpSettings().memory = 1024
