#!/bin/sh
# Makes what one installation of docker-compose.yml needs: .env and deploy/secrets with fresh secrets, and responder.yaml. What is
# there stays as it is, so it may run again. Then compose checks the whole. Prints no secret.
set -eu
cd "$(dirname "$0")/.."
umask 077

# Random bytes, as many as asked for, in hexadecimal.
fresh() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# The folder is closed to everybody else; a file is open, since a container reads it as a user of its own.
mkdir -p deploy/secrets
if [ ! -s deploy/secrets/alertmanager-token ]; then
  fresh 24 >deploy/secrets/alertmanager-token
  chmod 644 deploy/secrets/alertmanager-token
  echo 'deploy/secrets/alertmanager-token: made'
fi

touch .env
# Begins the names of containers and volumes, whatever this folder is called.
grep -q '^COMPOSE_PROJECT_NAME=.' .env || echo 'COMPOSE_PROJECT_NAME=authos-responder' >>.env
for name in TEMPORAL_DB_PASSWORD OPS_PRIMARY_TOKEN OPS_SECONDARY_TOKEN MONITORING_TOKEN PAYLOAD_KEY RESPONDER_LINK_KEY; do
  if ! grep -q "^$name=." .env; then
    printf '%s=%s\n' "$name" "$(fresh 32)" >>.env
    echo ".env: $name made"
  fi
done
grep -q '^ALERTMANAGER_TOKEN_FILE=.' .env || echo 'ALERTMANAGER_TOKEN_FILE=./deploy/secrets/alertmanager-token' >>.env

# Containers read these as users of their own, and a clone under a strict umask has closed them.
chmod -R a+rX deploy/alertmanager.yml deploy/prometheus deploy/temporal

if [ ! -e responder.yaml ]; then
  cp deploy/responder.example.yaml responder.yaml
  chmod 644 responder.yaml
  echo 'responder.yaml: made from deploy/responder.example.yaml; put your hosts, people and mail server in'
fi

if docker compose version >/dev/null 2>&1; then
  docker compose config --quiet
elif command -v docker-compose >/dev/null; then
  docker-compose config --quiet
else
  echo 'neither docker compose nor docker-compose is installed: nothing was checked' >&2
  exit 1
fi
echo 'docker-compose.yml: checked'
