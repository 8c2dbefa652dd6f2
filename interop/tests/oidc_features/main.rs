//! Every feature of the table in README.md, by sessions against oidc-provider, which is certified for OpenID Connect. One test a feature.

mod clients;
mod code;
mod grants;
mod logout;
mod requests;
mod rp;
mod table;
mod tokens;
