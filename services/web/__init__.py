"""The web service: webhooks, pages, API, live stream and health. `app` puts it together, `__main__` serves it."""
