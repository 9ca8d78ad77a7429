"""Turns a source of prices into the tick log; it never reads the database."""
