//! OAuth 1.0a and OAuth 2 for clients, without IO: steps, proofs, and errors that say whose fault it is.
