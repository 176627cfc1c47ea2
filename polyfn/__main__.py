"""`python -m polyfn` is the command line."""

from polyfn.toolchain.cli.main import main

if __name__ == "__main__":
    main()
