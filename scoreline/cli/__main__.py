"""`python -m scoreline.cli`: the command where no script is installed."""

from scoreline.cli.main import app

app(prog_name="scoreline")
