#!/bin/sh
# Run once by the database's own start: a database and a user for each role, who may enter no other.
set -eu
for secret in /run/secrets/database-*; do
    role=${secret##*/database-}
    psql --set=ON_ERROR_STOP=1 --set=role="$role" --set=password="$(cat "$secret")" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8';
REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
SQL
done
