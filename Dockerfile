# One image for every service and for migrations: `docker run scoreline services.ingest`,
# `docker run scoreline services.scoring migrate`. Settings come from the environment (docs/operations.md).

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/scoreline
ENV PATH=/opt/scoreline/bin:$PATH
COPY pyproject.toml README.md LICENSE ./
COPY scoreline scoreline
COPY services services
COPY stack stack
# The services' dependencies only: no servers, no development tools.
# (Not pinned, says DL3013: it is the project in this directory, and pyproject.toml bounds what it needs.)
# hadolint ignore=DL3013
RUN pip install '.[services]'

FROM python:3.11-slim-bookworm
RUN useradd --system --no-create-home --uid 10001 --shell /usr/sbin/nologin scoreline
COPY --from=build /opt/scoreline /opt/scoreline
ENV PATH=/opt/scoreline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /
EXPOSE 50051
ENTRYPOINT ["python", "-m"]
CMD ["services.ingest"]
