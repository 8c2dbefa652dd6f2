-- The vault, version 3: when an account is due lies apart from it, and is moved when it is looked for. A refresh moves it on each time: with an
-- index of the account's own it wrote two pages more, which nobody needs before the account is due again. The table `lease` stays, and nothing
-- is in it: a program of version 2 that has the vault open meanwhile writes to it at each refresh, and must not lose its tokens for that.

CREATE TABLE due (
    account      INTEGER PRIMARY KEY, -- not sealed: the account's number
    at           INTEGER NOT NULL,    -- not sealed: Unix seconds; from when on it is looked at. Never after its due_at
    leased_until INTEGER,             -- not sealed: Unix seconds; a worker has taken it to refresh it
    leased_for   INTEGER              -- not sealed: the due_at that it was taken for; with another one the lease is over
) STRICT;

INSERT INTO due SELECT number, due_at, until, iif(until IS NULL, NULL, due_at)
    FROM account LEFT JOIN lease ON lease.account = number WHERE due_at IS NOT NULL ORDER BY number;

CREATE INDEX due_moment ON due (at);

DROP INDEX account_due;
DELETE FROM lease;
