//! The grants beyond the code, one file each. Those that are answered at once give an [`Exchange`](super::Exchange), as a refresh does.

mod client_credentials;
mod jwt_bearer;
mod saml_bearer;
mod token_exchange;

pub use token_exchange::{Exchanged, SubjectToken, TokenExchange, TokenExchangeRequest, TokenType};
