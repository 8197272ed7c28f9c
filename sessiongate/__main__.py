"""`python -m sessiongate`: the same as the command `sessiongate`."""

from sessiongate.cli.main import main

if __name__ == "__main__":
    main()
