"""Importing files of events: reading a file (source.py), its rows (ndjson.py, csv_rows.py), sending them (run.py),
keeping what was rejected (rejects.py). The command is in scoreline/cli/import_file.py."""
