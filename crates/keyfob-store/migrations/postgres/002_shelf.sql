-- The vault, version 2: what a program keeps beside apps and accounts, and the book of who did what. What is sealed is bound to every other
-- column of its row (see src/shelf/rows.rs). Ids and owners are in the order of their bytes, as everywhere.

CREATE TABLE keyfob.item (
    kind       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,   -- a random number, or a hash of a secret
    owner      text COLLATE "C",
    expires_at bigint,                      -- Unix seconds
    generation bigint NOT NULL,
    record     bytea NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 85);

CREATE INDEX item_owner ON keyfob.item (kind, owner, id) WHERE owner IS NOT NULL;
CREATE INDEX item_expires ON keyfob.item (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE keyfob.act (
    number  bigint PRIMARY KEY,             -- about the order of arrival
    done_at bigint NOT NULL,                -- Unix seconds
    owner   text COLLATE "C",
    record  bytea NOT NULL
);

CREATE INDEX act_owner ON keyfob.act (owner, number) WHERE owner IS NOT NULL;
CREATE INDEX act_done ON keyfob.act (done_at);
-- A line is sealed with its number, which is therefore drawn first.
CREATE SEQUENCE keyfob.act_number;

ALTER TABLE keyfob.item ALTER COLUMN record SET STORAGE EXTERNAL;
ALTER TABLE keyfob.act ALTER COLUMN record SET STORAGE EXTERNAL;
