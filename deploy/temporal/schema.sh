#!/bin/sh
# Brings the schema of both of Temporal's databases to the version of this image; run on one that is current, it does nothing.
# Where the database is comes from SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD and SQL_PLUGIN, which temporal-sql-tool reads.
set -eu

for database in temporal:temporal temporal_visibility:visibility; do
  name=${database%%:*}
  versions=/etc/temporal/schema/postgresql/v12/${database#*:}/versioned
  # Both do nothing, and say so, where their work is done; what is truly wrong the update below does not survive.
  temporal-sql-tool --db "$name" create || echo "$name: not created"
  temporal-sql-tool --db "$name" setup-schema -v 0.0 || echo "$name: has a schema"
  temporal-sql-tool --db "$name" update-schema -d "$versions"
done
