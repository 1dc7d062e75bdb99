"""`python -m services.scoring [migrate]`."""

from services.scoring.main import main

main()
