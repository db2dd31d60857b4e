//! The provider's `GET /payment/{id}` in our hands: what it says of each payment, or that it says nothing.
//!
//! Of a payment that nobody has spoken of it says `waiting`. Everything that is asked is kept, in its order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypto_orders::config::{Provider, Secret, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it is with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    There,
    /// An error page, whatever is asked.
    Away,
    /// Asked too often; it may be asked again after so many seconds.
    Busy(u32),
}

/// What is said of one payment.
#[derive(Debug, Clone)]
pub enum Says {
    /// This body.
    Body(Value),
    /// 404.
    Unknown,
    /// 500, each time.
    Nothing,
}

struct Script {
    mood: Mood,
    says: HashMap<String, Says>,
    asked: Vec<String>,
}

/// A listener that answers. It ends when it is dropped.
pub struct Teller {
    origin: String,
    script: Arc<Mutex<Script>>,
    listening: JoinHandle<()>,
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Teller {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let script = Script { mood: Mood::There, says: HashMap::new(), asked: Vec::new() };
        let script = Arc::new(Mutex::new(script));
        let shared = script.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = shared.clone();
                // A caller that hangs up has said all that it wants to.
                tokio::spawn(async move { drop(serve(stream, &script).await) });
            }
        });
        Self { origin, script, listening }
    }

    /// Makes it the provider of a node.
    pub fn tells(&self, settings: &mut Settings) {
        settings.provider = Provider::Live;
        settings.nowpayments.url = Some(format!("{}/v1", self.origin));
        settings.nowpayments.api_keys = vec![Secret::new("key".to_owned())];
    }

    pub fn mood(&self, mood: Mood) {
        locked(&self.script).mood = mood;
    }

    /// From now on it says this of a payment.
    pub fn says(&self, payment: &str, says: Says) {
        locked(&self.script).says.insert(payment.to_owned(), says);
    }

    /// What was asked for since the last call, one id for each attempt.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.script).asked)
    }
}

fn locked(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default();
        let payment = path.strip_prefix("/v1/payment/").unwrap_or_default().to_owned();
        request.clear();
        stream.write_all(answer(&payment, script).as_bytes()).await?;
    }
}

fn answer(payment: &str, script: &Mutex<Script>) -> String {
    let mut script = locked(script);
    script.asked.push(payment.to_owned());
    let (code, header, body) = match (script.mood, script.says.get(payment)) {
        (Mood::Away, _) | (_, Some(Says::Nothing)) => (502, String::new(), "<html>away</html>".to_owned()),
        (Mood::Busy(seconds), _) => (429, format!("retry-after: {seconds}\r\n"), "{}".to_owned()),
        (Mood::There, Some(Says::Unknown)) => {
            (404, String::new(), json!({"statusCode": 404, "code": "NOT_FOUND"}).to_string())
        }
        (Mood::There, Some(Says::Body(body))) => (200, String::new(), body.to_string()),
        (Mood::There, None) => {
            let body = json!({"payment_id": payment, "payment_status": "waiting", "actually_paid": 0});
            (200, String::new(), body.to_string())
        }
    };
    let length = body.len();
    format!("HTTP/1.1 {code} Told\r\ncontent-type: application/json\r\n{header}content-length: {length}\r\n\r\n{body}")
}
