//! The one way out of this program by HTTP, whoever is called.
//!
//! It dials the named host itself: a proxy of the environment would not find a loopback address, and would
//! see where keys are sent. What is sent and how long is waited is the caller's.

/// A builder of clients that speak TLS and ask nobody for the way.
///
/// Certificates are judged by rustls-platform-verifier, which on Linux takes the roots that the system has
/// (`/etc/ssl/certs`, or `SSL_CERT_FILE`): with none at all, no client can be built, except one whose
/// builder says `tls_certs_only`.
pub fn builder() -> reqwest::ClientBuilder {
    // A second installation is refused, and the first one serves.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}
