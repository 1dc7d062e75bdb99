"""What a rule set is, what may be in one, and how a draft is edited. Pure: no I/O, no clock."""
