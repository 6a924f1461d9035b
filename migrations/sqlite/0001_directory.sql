-- The directory and its journal. Times are microseconds since 1970-01-01 UTC.

CREATE TABLE users (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  name        TEXT    NOT NULL,
  name_key    TEXT    NOT NULL,
  email       TEXT,
  email_key   TEXT,
  active      BOOLEAN NOT NULL DEFAULT TRUE,
  external_id TEXT,
  profile     TEXT    NOT NULL DEFAULT '{}',
  version     BIGINT  NOT NULL DEFAULT 1,
  created_at  BIGINT  NOT NULL,
  updated_at  BIGINT  NOT NULL
);
-- Where both are taken, SQLite names the index made last, PostgreSQL the one made first: the name on both.
CREATE UNIQUE INDEX users_email_key ON users (email_key);
CREATE UNIQUE INDEX users_name_key ON users (name_key);
CREATE INDEX users_by_email ON users (coalesce(email_key, ''), id);
CREATE INDEX users_by_external_id ON users (external_id);
CREATE INDEX users_by_created_at ON users (created_at, id);
CREATE INDEX users_by_updated_at ON users (updated_at, id);

-- Which servers the journal has lived on. A file moves with its one writer, so there is one epoch here
-- until the journal is copied from elsewhere.
CREATE TABLE journal_epochs (
  epoch      BIGINT NOT NULL PRIMARY KEY,
  server     TEXT   NOT NULL,
  started_at BIGINT NOT NULL
);
INSERT INTO journal_epochs (epoch, server, started_at) VALUES (1, 'sqlite', 0);

CREATE TABLE journal (
  position     INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch        BIGINT  NOT NULL,
  xid          BIGINT  NOT NULL DEFAULT 0,
  at           BIGINT  NOT NULL,
  actor        TEXT    NOT NULL,
  action       TEXT    NOT NULL,
  subject_kind TEXT    NOT NULL,
  subject_id   BIGINT  NOT NULL,
  version      BIGINT  NOT NULL,
  change       TEXT    NOT NULL
);
CREATE UNIQUE INDEX journal_in_order ON journal (epoch, xid, position);

-- Entries that no later commit can come before. There is one writer at a time, so: all.
CREATE VIEW journal_settled AS
  SELECT position, epoch, xid, at, actor, action, subject_kind, subject_id, version, change FROM journal;
-- Everything in the current epoch with a smaller xid is settled.
CREATE VIEW journal_horizon AS
  SELECT max(epoch) AS epoch, 1 AS xid FROM journal_epochs;

-- What was answered to writes that carried an Idempotency-Key.
CREATE TABLE idempotency_keys (
  caller      TEXT   NOT NULL,
  key         TEXT   NOT NULL,
  fingerprint TEXT   NOT NULL,
  results     TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
