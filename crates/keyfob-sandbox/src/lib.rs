//! Pretend OAuth providers for trying and testing without an account or internet.
