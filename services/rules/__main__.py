"""`python -m services.rules` serves; `python -m services.rules migrate` brings the schema up to date."""

from services.rules.main import main

main()
