//! A connection to the service, byte by byte: for what no proper client sends.

use std::net::SocketAddr;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;

/// An open connection, and what has arrived on it and was not looked at yet.
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    /// A connection on which nothing has been sent.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes, all of which the service must take.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the service reads on");
    }

    /// Sends bytes as far as the service takes them.
    pub async fn offer(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.write_all(bytes.as_ref()).await);
    }

    /// Closes the sending side; answers may still be read.
    pub async fn close_sending(&mut self) {
        self.stream.shutdown().await.expect("an open connection");
    }

    /// The next head, or an interim answer, without the empty line after it; none if the connection has ended.
    pub async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).take(end).collect();
                return Some(String::from_utf8(head).expect("a head is text"));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next whole answer with a length; none if the connection ended before.
    pub async fn answer(&mut self) -> Option<Answer> {
        let head = self.head().await?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse::<StatusCode>().ok());
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name = name.parse::<HeaderName>().expect("a header's name");
            headers.append(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        while self.read.len() < length && self.more().await {}
        let body: Vec<u8> = self.read.drain(..length.min(self.read.len())).collect();
        Some(Answer {
            status: status.expect("a status"),
            headers,
            text: String::from_utf8(body).expect("an answer is text"),
        })
    }

    /// Waits until the service has closed the connection, and answers what it had sent before.
    pub async fn end(mut self) -> Vec<u8> {
        while self.more().await {}
        self.read
    }

    async fn more(&mut self) -> bool {
        // A connection that was cut has ended as well.
        self.stream.read_buf(&mut self.read).await.is_ok_and(|bytes| 0 < bytes)
    }
}
