"""Real servers from wheels, run as children on this machine: Postgres and a Redis-protocol server."""
