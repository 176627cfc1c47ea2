"""`[tool.polyfn.aws]`."""

import pytest
from pydantic import ValidationError

from polyfn_aws.settings import AwsSettings


def test_the_defaults_as_the_runtime_gets_them():
    assert AwsSettings().model_dump(mode="json") == {
        "base_path": "",
        "stream": ["function-url"],
        "partial_batch": True,
        "memory": 512,
        "timeout": 30,
    }


@pytest.mark.parametrize("base_path", ["", "/api", "/api/v1", "/a%20b"])
def test_base_paths(base_path):
    assert AwsSettings(base_path=base_path).base_path == base_path


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_path": "api"},
        {"base_path": "/api/"},
        {"base_path": "/"},
        {"base_path": "/a?b"},
        {"stream": ["alb"]},
        {"memory": 64},
        {"memory": 20000},
        {"timeout": 0},
        {"timeout": 901},
        {"memroy": 512},
    ],
)
def test_what_is_refused(wrong):
    with pytest.raises(ValidationError):
        AwsSettings(**wrong)


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        AwsSettings().memory = 1024
