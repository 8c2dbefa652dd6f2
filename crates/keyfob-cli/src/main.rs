//! The command of Keyfob.

fn main() {}
