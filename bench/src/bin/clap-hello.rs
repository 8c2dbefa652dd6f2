//! The smallest program of clap's: what `keyfob --version` is held against.

use clap::Parser;

/// Says hello.
#[derive(Parser, Debug)]
#[command(version)]
struct Hello {
    /// To whom
    #[arg(long, default_value = "world")]
    to: String,
}

fn main() {
    println!("hello, {}", Hello::parse().to);
}
