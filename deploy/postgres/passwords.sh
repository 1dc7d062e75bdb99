#!/usr/bin/env bash
# Gives each role of roles.sql its password; run by the official image's entrypoint when its volume is new.
set -euo pipefail

set_password() {
    # A psql variable is quoted by psql; it reaches the server over the container's own socket only.
    psql --no-psqlrc --set ON_ERROR_STOP=1 --set "role=$1" --set "password=$2" \
        --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --quiet <<< "ALTER ROLE :\"role\" PASSWORD :'password';"
}

for service in accounts rules scoring ingest notify; do
    owner_variable="SCORELINE_${service^^}_OWNER_PASSWORD"
    runtime_variable="SCORELINE_${service^^}_PASSWORD"
    set_password "scoreline_${service}_owner" "${!owner_variable:?not set}"
    set_password "scoreline_${service}" "${!runtime_variable:?not set}"
done
