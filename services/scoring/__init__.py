"""Leads, the ledger of their events, and the scores that follow from it."""
