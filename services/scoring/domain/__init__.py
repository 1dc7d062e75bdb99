"""What a score is: pure functions of a lead's ledger entries and a rule set. Read with docs/scoring beside it."""
