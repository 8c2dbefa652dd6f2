//! Nothing: what starting a program takes.

fn main() {}
