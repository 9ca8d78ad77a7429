"""Turns a source of prices into the tick log; no tick ever waits for the database."""
