"""A recorder's positions computed again from its logs, as far back as these reach: for audits and corrections."""
