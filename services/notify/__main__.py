"""`python -m services.notify` serves; `python -m services.notify migrate` brings the schema up to date."""

from services.notify.main import main

main()
