"""`python -m services.accounts` serves; `python -m services.accounts migrate` brings the schema up to date."""

from services.accounts.main import main

main()
