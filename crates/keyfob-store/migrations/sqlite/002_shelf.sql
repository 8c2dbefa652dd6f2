-- The vault, version 2: what a program keeps beside apps and accounts, and the book of who did what. What is sealed is bound to every other
-- column of its row (see src/shelf/rows.rs), except where it says "not sealed".

CREATE TABLE item (
    number     INTEGER PRIMARY KEY, -- not sealed: where it lies
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,       -- a random number, or a hash of a secret
    owner      TEXT,
    expires_at INTEGER,             -- Unix seconds
    generation INTEGER NOT NULL,
    record     BLOB NOT NULL,
    UNIQUE (kind, id)
) STRICT;

CREATE INDEX item_owner ON item (kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX item_expires ON item (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE act (
    number  INTEGER PRIMARY KEY,    -- the order of arrival. The newest row is never deleted, so no number is given twice
    done_at INTEGER NOT NULL,       -- Unix seconds
    owner   TEXT,
    record  BLOB NOT NULL
) STRICT;

CREATE INDEX act_owner ON act (owner, number) WHERE owner IS NOT NULL;
CREATE INDEX act_done ON act (done_at);
