//! How fast Keyfob is, beside what nothing can be faster than.

fn main() {}
