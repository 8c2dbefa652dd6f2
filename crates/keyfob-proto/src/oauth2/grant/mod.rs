//! The grants beyond the code, one file each. Those that are answered at once give an [`Exchange`](super::Exchange), as a refresh does;
//! those that wait for a person give [`Step`]s.

mod ciba;
mod client_credentials;
mod device;
mod jwt_bearer;
mod poll;
mod saml_bearer;
mod token_exchange;

pub use ciba::{BackchannelAuthentication, BackchannelLogin, BackchannelRequest, Delivery, Hint};
pub use device::{DeviceAuthorization, DeviceLogin};
pub use poll::Step;
pub use token_exchange::{Exchanged, SubjectToken, TokenExchange, TokenExchangeRequest, TokenType};
