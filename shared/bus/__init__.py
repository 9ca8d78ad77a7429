"""The only place that talks to Redis and RQ: tick log, queue, heartbeats and announcements."""
