//! J10, J11, J12: the secrets of a whole run, in every spelling, are nowhere but where they are meant to be. Looked at: every state of
//! every file, what was said at the highest log level, command lines and environments of all processes while they ran.
//!
//! Besides what goes over the line: passphrases, the agent, valet keys, and the password of a database. `verbs` types every verb, and holds the list of those whose
//! standard output is meant to hold a secret.
//!
//! What is meant to hold a secret, and is left out: the key file; the file of an app's keys that a person wrote; standard output of `token`, `header`, `env`
//! and `helper`; the environment of the program that `exec` runs;
//! the body of an answer that goes into a pipe, which is the API's own, byte for byte (Fitbit's repeats a token that has ended; on a
//! terminal it is masked); the authorization URL, which holds the state of a login, on standard error and in the browser's command line (RFC 6749 §4.1.1).

mod accounts;
mod browser;
mod keys;
mod others;
mod passphrase;
mod postgres;
mod run;
mod search;
mod verbs;
mod web;
