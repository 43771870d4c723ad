"""`python -m nmt` is the command `nmt`."""

from nmt.cli.main import main

if __name__ == "__main__":
    main()
