# One image for all of our processes: which one runs is the command. docs/install.md says what was checked, and how.
# glibc, since Temporal's worker has a native part without a build for musl. docker-compose.yml pins the same image.
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

# hadolint ignore=DL3006
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts/bundles.ts scripts/bundles.ts
COPY src src
# Built here: the file system is read-only where it runs, and a first page must not wait for webpack.
RUN npm run bundles

# hadolint ignore=DL3006
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force

# hadolint ignore=DL3006
FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
# A uid that no host gives to a person. The folder is here so that a named volume takes its owner over.
RUN groupadd --gid 10001 responder \
  && useradd --uid 10001 --gid responder --no-create-home --shell /usr/sbin/nologin responder \
  && install --directory --owner=responder --group=responder --mode=700 /var/lib/authos-responder
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/bundles bundles
# The programs are TypeScript, run by tsx as everywhere else; package-lock.json names what was installed.
COPY package.json package-lock.json tsconfig.json ./
COPY bin bin
COPY deploy/healthy.mjs deploy/healthy.mjs
# Where simulations look for Temporal's test server.
COPY sandbox/servers sandbox/servers
COPY src src
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 8080
# The exec form: node itself gets the signal. A worker then takes no new work and finishes what it does, for two minutes at
# most: whoever stops the container waits longer (stop_grace_period in docker-compose.yml).
ENTRYPOINT ["node", "--import", "tsx"]
CMD ["src/server.ts"]
# Of the server; docker-compose.yml has those of the workers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "deploy/healthy.mjs", "http://127.0.0.1:8080/healthz"]
