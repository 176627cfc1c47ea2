"""An emulator of AWS Lambda that runs the finished artifact: no Docker, no account.

    configuration   the function as the platform knows it        states, runtime_api, intake,
    environment     the variables that it is given                 extensions: what the runtime talks to
    instance        one execution environment                    http_*: plain HTTP as events and back
    lifecycle       cold start, freeze, deadline, kill           direct, retries, redrive: other callers
    reports         START, END, REPORT

It follows the contract of the platform and knows nothing of polyfn's runtime: any bootstrap runs.
"""

from polyfn_aws.emulator.emulator import LambdaEmulator, emulate

__all__ = ["LambdaEmulator", "emulate"]
