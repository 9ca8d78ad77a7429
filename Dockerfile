# One image for every service; docker-compose.yml says which part a container runs.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY cli cli
COPY migrations migrations
COPY services services
COPY shared shared
# The root file system is read-only later, so what Python compiles, it compiles now.
RUN python -m compileall -q . \
 && printf '#!/bin/sh\nexec python -m cli.main "$@"\n' > /usr/local/bin/recorder \
 && chmod 755 /usr/local/bin/recorder \
 && useradd --system --no-create-home --shell /usr/sbin/nologin recorder

USER recorder
ENTRYPOINT ["recorder"]
CMD ["--help"]
