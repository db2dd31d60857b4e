//! The simulator on a port of its own, without the service around it.

use std::io;
use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

use super::Simulator;

/// How long requests may take that are served when it is told to end.
const SHUTDOWN_SECONDS_MAX: u64 = 1;

impl Simulator {
    /// Serves on this listener, and lets happen what is due, until a signal ends it.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn serve(self, listener: TcpListener) -> io::Result<Server> {
        let playing = self.clone();
        let app = move || {
            let here = self.clone();
            let nothing_here = move || {
                let here = here.clone();
                async move { here.nothing().await }
            };
            let routes = |config: &mut web::ServiceConfig| self.configure(config);
            App::new().configure(routes).default_service(web::to(nothing_here))
        };
        let server = HttpServer::new(app).workers(1).shutdown_timeout(SHUTDOWN_SECONDS_MAX).listen(listener)?.run();
        if !playing.0.clock.is_manual() {
            actix_web::rt::spawn(playing.run());
        }
        Ok(server)
    }
}
