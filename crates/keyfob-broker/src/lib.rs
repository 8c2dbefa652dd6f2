//! The web app of Keyfob: connect accounts, see devices, use them.
