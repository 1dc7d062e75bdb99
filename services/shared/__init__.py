"""Plumbing that every service uses: settings, logs, the gRPC server, credentials, the bus, the database, the clock.

Nothing here knows a service, a lead or a score.
"""
