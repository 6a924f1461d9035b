//! What the help says of the program as a whole.

pub(super) const INTRODUCTION: &str = "\
Roster is a user directory service: it keeps the users of a company or a product in a database and serves \
them to people and programs over one HTTP API. It is one binary that embeds SQLite and speaks to \
PostgreSQL, and it goes from a laptop to a cluster unchanged. It keeps no passwords.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  roster demo
          Try it: sample users, and curl commands to copy
  roster serve --database-url sqlite:/var/lib/roster/roster.db
          Serve the users of one SQLite file
  ROSTER_DATABASE_URL_FILE=/run/secrets/database-url roster serve
          Serve the users of the database whose address is in a file
  roster import people.csv --map Mail=email --dry-run
          Show what an import would change
  roster login --url https://roster.example.com
          Save the address of a server and a token for it, which is asked for
  roster users list --filter 'active eq true' --output csv
          List users of that server
  roster migrate --check
          Tell by the exit code whether the schema is up to date
  ROSTER_LOG=debug roster config
          Show what serve would use, and where each value came from

Settings:
  Each setting is a flag (--request-timeout) and an environment variable with the same name
  (ROSTER_REQUEST_TIMEOUT); a flag wins over a variable, a variable over the default. An empty
  variable counts as unset. A secret may also be read from a file that a variable ending in _FILE
  names; a newline at its end is dropped. An unknown ROSTER_ variable is an error, except for
  ROSTER_TEST_* and for what Kubernetes sets for a Service called roster or roster-NAME, such as
  ROSTER_SERVICE_HOST, ROSTER_PORT and ROSTER_NAME_PORT. Durations are seconds, or carry a unit: 250ms, 5s, 2m, 1h.

Exit codes:
  0      success
  1      the answer is no: not ready (health), not up to date (migrate --check), no such user (users)
  2      an error in the command line, the settings, the database, a file or a port; stderr says which
  3      done, except for rows that were refused (import)
  4      ended by a signal; stderr says what was done (import, export, copy, users, log, login)
  5      a server refused the credential, or what it wants to do (users, log, login)
  6      another user has the name or e-mail address, or the user was changed meanwhile (users)
  7      a server cannot be reached, or cannot do it now, after all attempts (users, log, login)
  8      nobody knows whether it was done; stderr says what to do (users)";
