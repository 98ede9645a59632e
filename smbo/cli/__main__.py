"""`python -m smbo.cli` is `smbo`."""

from smbo.cli.group import main

main(prog_name="smbo")
