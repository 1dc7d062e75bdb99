"""`python -m services migrate NAME...` brings the schemas of several services up to date: one process imports once what
each would import by itself. Each needs its MIGRATION_DATABASE_URL."""

import sys

from services.shared import commands

_, *arguments = sys.argv
if arguments[:1] != ["migrate"] or len(arguments) < 2:
    sys.exit("usage: python -m services migrate NAME...")
commands.migrate(arguments[1:])
