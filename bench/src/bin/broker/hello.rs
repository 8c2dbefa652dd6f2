//! The least that a server on our HTTP stack can do.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::process::input_ends;

pub(crate) fn run() {
    crate::served::one_worker().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", get(async || "Hello, world!"));
        tokio::select! {
            ended = async { axum::serve(listener, router).await } => ended.expect("it listens"),
            () = input_ends() => {}
        }
    });
}
