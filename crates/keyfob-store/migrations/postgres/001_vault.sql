-- The vault, version 1, in a schema of its own. What is sealed is bound to every other column of its row (see src/rows.rs), except where it
-- says "not sealed". No name, provider, state or binding is here in clear: `id` and `name`/`binding` are keyed hashes, except that
-- `account.id` is the account's random id itself.

CREATE TABLE keyfob.migration (
    version    integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE keyfob.header (
    one        smallint PRIMARY KEY CHECK (one = 1),
    format     bigint NOT NULL,     -- of everything sealed
    vault      bytea NOT NULL,      -- random: this vault and no other
    cipher     text NOT NULL,
    generation bigint NOT NULL,     -- a new wrapping moves it on
    kdf        text,                -- how the key from outside is had, where it is not given as it is
    data_key   bytea NOT NULL,      -- sealed under the key from outside
    checksum   bytea NOT NULL       -- SHA-256 of the above: tells damage from a wrong key
);

CREATE TABLE keyfob.app (
    id         bytea PRIMARY KEY,   -- keyed hash of the provider
    generation bigint NOT NULL,
    record     bytea NOT NULL
);

-- Room for a second version of a row on its page: a write that does not move `due_at` then touches no index.
CREATE TABLE keyfob.account (
    id           bytea PRIMARY KEY,            -- the account's immutable id
    name         bytea NOT NULL,               -- keyed hash of the name
    generation   bigint NOT NULL,
    due_at       bigint,                       -- Unix seconds: from when on its tokens should be refreshed
    leased_until bigint NOT NULL DEFAULT 0,    -- not sealed: Unix seconds; a worker has taken it to refresh it
    record       bytea NOT NULL
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX account_name ON keyfob.account (name);
CREATE INDEX account_due ON keyfob.account (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE keyfob.history (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- not sealed: about the order of arrival
    account bytea NOT NULL,                                  -- the account's immutable id
    record  bytea NOT NULL
);

CREATE INDEX history_account ON keyfob.history (account, number);

CREATE TABLE keyfob.pending (
    id         bytea NOT NULL,      -- keyed hash of what names it in a callback: state, or the temporary oauth_token
    binding    bytea NOT NULL,      -- keyed hash of that together with the browser's secret
    generation bigint NOT NULL,     -- the order of arrival
    expires_at bigint NOT NULL,     -- Unix seconds
    record     bytea NOT NULL,
    PRIMARY KEY (id, binding)
);

CREATE INDEX pending_order ON keyfob.pending (generation);
CREATE SEQUENCE keyfob.pending_number;

-- What is sealed cannot be made smaller: PostgreSQL need not try.
ALTER TABLE keyfob.app ALTER COLUMN record SET STORAGE EXTERNAL;
ALTER TABLE keyfob.account ALTER COLUMN record SET STORAGE EXTERNAL;
ALTER TABLE keyfob.history ALTER COLUMN record SET STORAGE EXTERNAL;
ALTER TABLE keyfob.pending ALTER COLUMN record SET STORAGE EXTERNAL;
