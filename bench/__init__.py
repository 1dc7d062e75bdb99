"""How fast it is, measured in one run on one machine: bare ceilings, the suite, and what a team would otherwise
assemble (`peers/`). `python -m bench` runs it; what each figure means is in `catalogue.py`, and docs/performance.md
has the results. Nothing here is installed with the suite."""
