-- The vault, version 1. What is sealed is bound to every other column of its row (see src/seal.rs), except where it says "not sealed".
-- No name, provider, state or binding is here in clear: `id` and `name`/`binding` are keyed hashes, except that `account.id`
-- is the account's random id itself: 16 bytes each.

CREATE TABLE header (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    format     INTEGER NOT NULL,    -- of everything sealed
    vault      BLOB NOT NULL,       -- random: this vault and no other
    cipher     TEXT NOT NULL,
    generation INTEGER NOT NULL,    -- a new wrapping moves it on
    kdf        TEXT,                -- how the key from outside is made from a passphrase, where it is
    data_key   BLOB NOT NULL,       -- sealed under the key from outside
    checksum   BLOB NOT NULL        -- SHA-256 of the above: tells damage from a wrong key
) STRICT;

CREATE TABLE app (
    id         BLOB PRIMARY KEY,    -- keyed hash of the provider
    generation INTEGER NOT NULL,
    record     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    number     INTEGER PRIMARY KEY, -- not sealed: where it lies
    id         BLOB NOT NULL UNIQUE,
    name       BLOB NOT NULL UNIQUE, -- keyed hash of the name
    generation INTEGER NOT NULL,
    due_at     INTEGER,             -- Unix seconds: from when on its tokens should be refreshed
    record     BLOB NOT NULL
) STRICT;

CREATE INDEX account_due ON account (due_at) WHERE due_at IS NOT NULL;

-- Apart from the accounts: to lease ten thousand must not write ten thousand records again.
CREATE TABLE lease (
    account INTEGER PRIMARY KEY,    -- not sealed: the account's number
    until   INTEGER NOT NULL        -- not sealed: Unix seconds; a worker has taken it to refresh it
) STRICT;

CREATE TABLE history (
    number  INTEGER PRIMARY KEY,    -- not sealed: the order of arrival. The newest row is never deleted, so no number is given twice
    account BLOB NOT NULL,          -- the account's immutable id
    record  BLOB NOT NULL
) STRICT;

CREATE INDEX history_account ON history (account, number);

CREATE TABLE pending (
    id         BLOB NOT NULL,       -- keyed hash of what names it in a callback: state, or the temporary oauth_token
    binding    BLOB NOT NULL,       -- keyed hash of that together with the browser's secret
    generation INTEGER NOT NULL,    -- the order of arrival
    expires_at INTEGER NOT NULL,    -- Unix seconds
    record     BLOB NOT NULL,
    PRIMARY KEY (id, binding)
) STRICT, WITHOUT ROWID;
