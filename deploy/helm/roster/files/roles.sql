-- Run once, by the superuser, when the database is made: who owns the schema, and who reads and writes rows.
\set owner_password `cat /run/secrets/roster-database/owner-password`
\set app_password `cat /run/secrets/roster-database/app-password`
CREATE ROLE roster_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE roster LOGIN PASSWORD :'app_password';
ALTER DATABASE roster OWNER TO roster_owner;
REVOKE ALL ON DATABASE roster FROM PUBLIC;
GRANT CONNECT ON DATABASE roster TO roster;
-- Nobody logs in as the superuser over the network; within the pod, psql needs no password.
ALTER ROLE postgres PASSWORD NULL;
