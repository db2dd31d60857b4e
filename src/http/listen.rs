//! Listens, and puts the server together: what `actix_web::HttpServer` does, and more.
//!
//! Each connection is counted and guarded (`guarded_stream.rs`), and its requests know it (`connection.rs`).

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::Server;
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;

use super::connection::Connection;
use super::guarded_stream::{GuardedStream, HEAD_TAKES_MAX};
use super::{Shared, application};

/// How long requests that are being served may take once the server is told to stop.
const SHUTDOWN_SECONDS_MAX: u64 = 5;
/// How long the protocol layer reads on after an answer to a body that is still arriving; the guard ends it before.
const READ_ON_MAX: Duration = Duration::from_secs(4);

/// Serves on this listener until the handle of the answer stops it.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Server> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let each = shared.connections.open_max().checked_div(workers).unwrap_or(0).max(1);
    let builder = Server::build().workers(workers).max_concurrent_connections(each);
    let builder = builder.disable_signals().shutdown_timeout(SHUTDOWN_SECONDS_MAX);
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("http", listener, move || {
        let stopping = stopping.clone();
        let guarding = shared.clone();
        let http = HttpService::build()
            .client_request_timeout(HEAD_TAKES_MAX)
            .client_disconnect_timeout(READ_ON_MAX)
            .keep_alive(shared.settings.keep_alive.as_duration())
            .on_connect_ext(|stream: &GuardedStream<TcpStream>, known| drop(known.insert(stream.connection().clone())))
            .expect(fn_service(async |request: Request| {
                // Answered at once; the guard passes it on when the body is wanted.
                request.conn_data::<Connection>().into_iter().for_each(Connection::await_interim);
                Ok::<_, actix_web::Error>(request)
            }))
            // Idle connections end at once, busy ones after their request.
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .h1(map_config(application(&shared), |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let shared = guarding.clone();
            async move {
                stream.set_nodelay(true)?;
                let peer = stream.peer_addr().ok();
                let counted = shared.connections.count();
                Ok((GuardedStream::new(stream, shared.clock.clone(), Some(counted)), peer))
            }
        })
        .and_then(http.map_err(|error| io::Error::other(error.to_string())))
    })?;
    Ok(builder.run())
}
