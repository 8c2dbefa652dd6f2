//! The sandbox as a program: `cargo run -p keyfob-sandbox --example serve -- 8900`.

use keyfob_sandbox::{Sandbox, serve};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    serve(Sandbox::builder().base_port(port), |sandbox| println!("{}", sandbox.index())).await
}
