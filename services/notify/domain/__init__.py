"""What a watch is about, without I/O: filters, resume tokens, versions seen."""
