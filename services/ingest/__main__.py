"""`python -m services.ingest` serves; `python -m services.ingest migrate` brings the schema up to date."""

from services.ingest.main import main

main()
