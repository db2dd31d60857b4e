//! One attempt at sending over real sockets: what arrives, and what is made of every kind of answer.
//!
//! No engine is needed: the sender knows nothing of queues and storage. Where it may go is in
//! [`webhook_address`](crate::webhook_address), whether others can verify it in
//! [`webhook_signatures`](crate::webhook_signatures).

use std::sync::Arc;

use crypto_orders::config::Reach;
use crypto_orders::dial;
use crypto_orders::domain::time::{Span, Timestamp};
use crypto_orders::domain::webhook::WebhookEvent;
use crypto_orders::domain::webhook::delivery::Attempted;
use crypto_orders::domain::webhook::endpoint::EventType;
use crypto_orders::domain::webhook::secret::EndpointSecret;
use crypto_orders::webhooks::names::Names;
use crypto_orders::webhooks::send::{Attempt, Outgoing, Sender};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::harness::START;
use crate::harness::responder::{Act, Responder, Said};

pub const SECRET: &str = "whsec_a4dqobyha4dqobyha4dqobyha4dqobyh";
const BODY: &str = r#"{"id":"01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b", "data":{"text":"Zoë 😀"}}"#;
const LATE: Option<&str> = Some("No answer within 10 seconds.");
const NO_HTTP: Option<&str> = Some("No valid HTTP answer came.");
/// A certificate of `shop.example` that nobody else trusts, and its key.
const RECEIVER: &[u8] = include_bytes!("../data/webhook-receiver.pem");

pub fn sender(reach: Reach, names: Names) -> Sender {
    Sender::new(reach, names).expect("a client can be made")
}

/// An event for this URL, signed by one secret at the start of all tests.
pub fn outgoing(url: &str) -> Outgoing {
    let id = "01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b".parse().expect("an id");
    Outgoing {
        url: url.to_owned(),
        secrets: vec![EndpointSecret::parse(SECRET).expect("a secret")],
        event: WebhookEvent { id, event_type: EventType::OrderPaid, body: BODY.to_owned() },
        at: Timestamp::parse(START).expect("a time"),
    }
}

async fn sent_to(origin: &str) -> Attempt {
    sender(Reach::Local, Names::System).send(outgoing(&format!("{origin}/hooks?shop=7"))).await
}

/// What is made of a receiver that does this.
async fn upon(act: Act) -> Attempt {
    let receiver = Responder::start().await;
    receiver.upon("POST /hooks?shop=7", act);
    sent_to(receiver.origin()).await
}

/// A receiver that says `first` and then `again` without end; its task ends when the sender hangs up.
async fn endless(first: &'static str, again: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let talking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        // Who speaks before it was asked is hung up on at once.
        read_request(&mut stream).await;
        let mut next = stream.write_all(first.as_bytes()).await;
        while next.is_ok() {
            next = stream.write_all(again.as_bytes()).await;
        }
    });
    (origin, talking)
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) {
    let mut request = Vec::new();
    while !request.ends_with(BODY.as_bytes()) {
        assert_ne!(stream.read_buf(&mut request).await.expect("more"), 0, "the connection was closed");
    }
}

fn answered(status: u16) -> Attempted {
    Attempted::Answered { status, retry_after: None }
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_under_a_signature_of_its_own_time() {
    let receiver = Responder::start().await;
    receiver.always("POST /hooks?shop=7", Said::new(204, ""));
    let sender = sender(Reach::Local, Names::System);
    let mut event = outgoing(&format!("{}/hooks?shop=7#part", receiver.origin()));
    for _ in 0..3 {
        let attempt = sender.send(event.clone()).await;
        assert_eq!(attempt, Attempt { outcome: answered(204), excerpt: Some(String::new()), error: None });
        event.at = event.at.after(Span::minutes(5));
    }
    let asked = receiver.asked("POST");
    assert_eq!(asked.len(), 3);
    for asked in &asked {
        assert_eq!((asked.line.as_str(), asked.body.as_str()), ("POST /hooks?shop=7", BODY));
        assert_eq!(asked.header("content-type"), Some("application/json"));
        assert_eq!(asked.header("user-agent"), Some("driftstack-webhooks/1.0"));
        assert_eq!(asked.header("x-driftstack-event-id"), Some("01890a5d-96e7-7c9f-8a0b-1c2d3e4f5a6b"));
        assert_eq!(asked.header("x-driftstack-event-type"), Some("crypto.order.paid"));
        assert_eq!(asked.header("webhook-id"), asked.header("x-driftstack-event-id"));
        assert_eq!(asked.header("content-length"), Some(BODY.len().to_string().as_str()));
    }
    for name in ["x-driftstack-signature", "webhook-signature", "webhook-timestamp"] {
        let mut texts: Vec<_> = asked.iter().filter_map(|asked| asked.header(name)).collect();
        texts.dedup();
        assert_eq!(texts.len(), 3, "{name}");
    }
}

#[tokio::test]
async fn whatever_a_path_and_a_query_are_made_of_is_sent() {
    let receiver = Responder::start().await;
    receiver.always("POST /", Said::new(200, ""));
    let characters: String = ('!'..='~').filter(|character| !matches!(character, '\\' | '?' | '#')).collect();
    for url in [format!("/{characters}é😀?{characters}é😀#{characters}é😀"), "?%zz%".to_owned(), "#".to_owned()]
    {
        let attempt = sender(Reach::Local, Names::System).send(outgoing(&(receiver.origin().to_owned() + &url))).await;
        assert_eq!((attempt.outcome, attempt.error), (answered(200), None), "{url}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_for_the_next_delivery() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let sender = sender(Reach::Local, Names::System);
    let serving = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        for _ in 0..3 {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("it is taken");
        }
    };
    let sending = async {
        for _ in 0..3 {
            assert_eq!(sender.send(outgoing(&url)).await.status(), Some(200));
        }
    };
    tokio::join!(serving, sending);
}

#[tokio::test]
async fn a_status_of_2xx_is_a_success_and_any_other_is_told() {
    for status in [200, 201, 202, 204, 299] {
        let attempt = upon(Act::Answer(Said::new(status, ""))).await;
        assert_eq!((attempt.outcome, attempt.error), (answered(status), None));
    }
    for status in [400, 404, 410, 418, 500, 503, 599] {
        let attempt = upon(Act::Answer(Said::new(status, "no"))).await;
        let error = Some(format!("The endpoint answered {status}."));
        assert_eq!(attempt, Attempt { outcome: answered(status), excerpt: Some("no".to_owned()), error });
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inside = Responder::start().await;
    inside.always("", Said::new(200, "the inside"));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/admin", inside.origin());
        let attempt = upon(Act::Answer(Said::new(status, "").with("location", &location))).await;
        let error = Some(format!("The endpoint answered {status}. Redirects are not followed."));
        assert_eq!((attempt.outcome, attempt.error), (answered(status), error));
    }
    assert_eq!(inside.seen(""), 0);
}

#[tokio::test]
async fn a_wish_for_patience_is_passed_on() {
    for (text, seconds) in [("120", Some(120)), ("Tue, 12 May 2026 12:05:00 GMT", Some(300)), ("later", None)] {
        let receiver = Responder::start().await;
        receiver.always("POST", Said::new(503, "").with("retry-after", text));
        let mut event = outgoing(&format!("{}/", receiver.origin()));
        event.at = Timestamp::parse("2026-05-12T12:00:00.000Z").expect("a time");
        let attempt = sender(Reach::Local, Names::System).send(event).await;
        let retry_after = seconds.map(Span::seconds);
        assert_eq!(attempt.outcome, Attempted::Answered { status: 503, retry_after }, "{text}");
    }
}

#[tokio::test]
async fn of_a_body_that_confirms_256_bytes_of_whole_characters_are_kept() {
    for (character, count, kept) in [("x", 255, 255), ("x", 300, 256), ("é", 5000, 128), ("東", 300, 85)] {
        let attempt = upon(Act::Answer(Said::new(200, character.repeat(count)))).await;
        assert_eq!(attempt.excerpt, Some(character.repeat(kept)), "{character} {count}");
        assert_eq!((attempt.outcome, attempt.error), (answered(200), None));
    }
}

#[tokio::test]
async fn of_a_body_4096_characters_are_kept_whatever_they_are_made_of() {
    for (character, count, kept) in [("x", 4095, 4095), ("x", 4096, 4096), ("é", 5000, 4096), ("😀", 9000, 4096)] {
        let attempt = upon(Act::Answer(Said::new(500, character.repeat(count)))).await;
        assert_eq!(attempt.excerpt, Some(character.repeat(kept)), "{character} {count}");
        assert_eq!(attempt.outcome, answered(500));
    }
    let bytes =
        [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na\0b\xff\xc3(".as_slice(), "é".as_bytes(), b"\n"].concat();
    let attempt = upon(Act::Bytes(bytes)).await;
    assert_eq!(attempt.excerpt.as_deref(), Some("a\u{fffd}b\u{fffd}\u{fffd}(é\n"));
    let broken = [b"HTTP/1.1 500 No\r\ncontent-length: 20000\r\n\r\n".as_slice(), &[0x80; 20000]].concat();
    assert_eq!(upon(Act::Bytes(broken)).await.excerpt, Some("\u{fffd}".repeat(4096)));
}

#[tokio::test]
async fn a_body_or_a_head_without_end_is_not_read_on_and_its_connection_is_let_go() {
    let (origin, talking) = endless("HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef").await;
    let attempt = sent_to(&origin).await;
    assert!(attempt.excerpt == Some("0123456789abcdef".repeat(16)), "{attempt:?}");
    assert_eq!((attempt.outcome, attempt.error), (answered(200), None));
    talking.await.expect("it was hung up on");
    let endless_heads =
        [("HTTP/1.1 200 OK\r\n", "X-Filler: 1234\r\n"), ("HTTP/1.1 200 OK\r\nX-Filler: ", "1234"), ("", "1234")];
    for (first, again) in endless_heads {
        let (origin, talking) = endless(first, again).await;
        let attempt = sent_to(&origin).await;
        assert_eq!((attempt.outcome, attempt.error.as_deref()), (Attempted::Unanswered, NO_HTTP), "{first:?} {again}");
        talking.await.expect("it was hung up on");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_in_words_of_ours() {
    let head = "HTTP/1.1 200 OK\r\ncontent-";
    let acts = [
        Act::CutBeforeAnswer,
        Act::CutRequest { after: 20 },
        Act::Bytes(b"220 mail.example.com ESMTP\r\n".to_vec()),
        Act::Bytes(b"HTTP/1.1 20x OK\r\n\r\n".to_vec()),
        Act::Bytes(vec![0; 100]),
        Act::Bytes(head.into()),
        Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec()),
        Act::Bytes([head, &"x".repeat(1_000_000)].concat().into_bytes()),
    ];
    for act in acts {
        let name = format!("{act:.60?}");
        let attempt = upon(act).await;
        let said = (attempt.outcome, attempt.error.as_deref(), attempt.excerpt);
        assert_eq!(said, (Attempted::Unanswered, NO_HTTP, None), "{}", name.get(..60).unwrap_or(&name));
    }
    // A status that was received counts, even if the body breaks off.
    let said = Said::new(200, "half of it");
    let attempt = upon(Act::CutAnswer { after: 64, said }).await;
    assert_eq!((attempt.outcome, attempt.error), (answered(200), None));
}

#[tokio::test]
async fn where_nobody_listens_or_no_name_leads_is_told_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert_eq!(sent_to(&origin).await.error.as_deref(), Some("Connection refused."));
    let nowhere = sender(Reach::Public, Names::Told(Arc::new(|_| Vec::new())));
    let attempt = nowhere.send(outgoing("https://shop.example/")).await;
    assert_eq!(attempt.error.as_deref(), Some("The name could not be resolved."));
    assert_eq!((attempt.outcome, attempt.excerpt), (Attempted::Unanswered, None));
}

/// All that hang do so beside each other: this is the one test that waits the whole time.
#[tokio::test]
async fn who_does_not_answer_in_10_seconds_is_cut_off_and_a_status_that_came_counts() {
    let stalled = |status, after| upon(Act::StallAnswer { said: Said::new(status, "half of it"), after });
    let (interim, talking) = endless("", "HTTP/1.1 103 Early Hints\r\n\r\n").await;
    let (silent, in_the_head, interim, accepted, refused) =
        tokio::join!(upon(Act::Silence), stalled(200, 30), sent_to(&interim), stalled(200, 64), stalled(500, 64));
    for attempt in [silent, in_the_head, interim] {
        let said = (attempt.outcome, attempt.error.as_deref(), attempt.excerpt);
        assert_eq!(said, (Attempted::Unanswered, LATE, None));
    }
    talking.await.expect("it was hung up on");
    assert_eq!((accepted.outcome, accepted.error), (answered(200), None));
    assert_eq!(accepted.excerpt.as_deref(), Some("half"));
    assert_eq!((refused.outcome, refused.error.as_deref()), (answered(500), Some("The endpoint answered 500.")));
}

/// A receiver that does this with each connection.
async fn receiver<F: Future<Output = ()> + Send + 'static>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// A receiver with the certificate of `shop.example`, which takes everything.
async fn shop() -> u16 {
    let certificate = CertificateDer::from_pem_slice(RECEIVER).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(RECEIVER).expect("a key");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().expect("TLS");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    receiver(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A caller that does not trust it hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("it is taken");
        }
    })
    .await
}

#[tokio::test]
async fn an_https_endpoint_is_sent_to_if_its_certificate_is_for_its_name_and_trusted() {
    let port = shop().await;
    let here = || Names::Told(Arc::new(|_| vec![std::net::Ipv4Addr::LOCALHOST.into()]));
    let trusted = reqwest::Certificate::from_pem(RECEIVER).expect("a certificate");
    let trusting = Sender::over(dial::builder().tls_certs_only([trusted]), Reach::Local, here()).expect("a client");
    let attempt = trusting.send(outgoing(&format!("https://shop.example:{port}/"))).await;
    assert_eq!((attempt.outcome, attempt.error), (answered(200), None));
    let not_accepted = Some("TLS failed: the certificate was not accepted.");
    let attempt = trusting.send(outgoing(&format!("https://other.example:{port}/"))).await;
    assert_eq!((attempt.outcome, attempt.error.as_deref()), (Attempted::Unanswered, not_accepted));
    let attempt = sender(Reach::Local, here()).send(outgoing(&format!("https://shop.example:{port}/"))).await;
    assert_eq!((attempt.outcome, attempt.error.as_deref()), (Attempted::Unanswered, not_accepted));
}

#[tokio::test]
async fn an_endpoint_that_speaks_no_tls_is_told_so() {
    let port = receiver(|mut stream| async move {
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        // Closed before the other side has read it, it would be lost.
        while stream.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes != 0) {}
    })
    .await;
    let attempt = sent_to(&format!("https://127.0.0.1:{port}")).await;
    assert_eq!((attempt.outcome, attempt.error.as_deref()), (Attempted::Unanswered, Some("TLS failed.")));
}
