-- The version of a user that a program of this schema wrote last; 0 for users that none has written.
-- The default is for the release before, which creates users without it.
ALTER TABLE users ADD COLUMN noted_version bigint NOT NULL DEFAULT 0;
