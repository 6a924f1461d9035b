-- Who may call, and who did what from where.

-- Tokens that Roster gives. A row is never deleted: a revoked one still tells whose it was.
CREATE TABLE tokens (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  name         TEXT   NOT NULL,
  hash         TEXT   NOT NULL,
  role         TEXT   NOT NULL,
  created_by   TEXT   NOT NULL,
  version      BIGINT NOT NULL DEFAULT 1,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT,
  last_used_at BIGINT,
  revoked_at   BIGINT
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);
CREATE INDEX tokens_in_use ON tokens (expires_at) WHERE revoked_at IS NULL;

-- The defaults are for entries of the release before, which names an actor and no more.
ALTER TABLE journal ADD COLUMN actor_kind TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE journal ADD COLUMN actor_id   TEXT NOT NULL DEFAULT '';
ALTER TABLE journal ADD COLUMN request_id TEXT;
ALTER TABLE journal ADD COLUMN address    TEXT;
CREATE INDEX journal_by_subject ON journal (subject_kind, subject_id, epoch, xid, position);
CREATE INDEX journal_by_actor ON journal (actor_kind, actor_id, epoch, xid, position);

DROP VIEW journal_settled;
CREATE VIEW journal_settled AS
  SELECT position, epoch, xid, at, actor, action, subject_kind, subject_id, version, change,
         actor_kind, actor_id, request_id, address
  FROM journal;
