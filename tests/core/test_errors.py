"""The errors an author can meet: one tree, and codes that never change."""

from polyfn import errors

CODES = {
    "PolyfnError": "PF100",
    "DeclarationError": "PF101",
    "ModuleLoadError": "PF102",
    "FunctionNotFoundError": "PF103",
    "PayloadError": "PF104",
    "TriggerMismatchError": "PF105",
    "ResultError": "PF106",
    "SettlementError": "PF107",
    "UnsupportedError": "PF108",
    "DeadlineError": "PF109",
    "StartupError": "PF110",
}


def test_codes_are_stable_and_each_is_explained() -> None:
    found = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert {name: kind.code for name, kind in found.items()} == CODES
    for name, kind in found.items():
        assert issubclass(kind, errors.PolyfnError)
        assert kind.__doc__
        assert name == "PolyfnError" or f"{name:<24}{kind.code}" in (errors.__doc__ or "")


def test_an_error_has_a_message_a_hint_and_an_exit_status() -> None:
    error = errors.PayloadError("what", hint="do this")
    assert (str(error), error.message, error.hint, error.exit_status, error.details) == (
        "what",
        "what",
        "do this",
        1,
        [],
    )
    assert errors.ResultError("what", path="$.a").path == "$.a"
