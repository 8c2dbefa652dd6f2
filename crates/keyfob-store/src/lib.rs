//! A sealed vault for OAuth apps, accounts and pending logins.
