"""What holds for every test, the plugins' as well."""

import signal

# A shell starts background jobs with SIGINT ignored, and what is ignored stays so in every child: tests
# that interrupt a program would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
