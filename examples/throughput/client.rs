//! One HTTP connection, with one request in flight.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub struct Client {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Errors are texts, and are counted by their text.
    pub async fn connect(address: SocketAddr) -> Result<Client, String> {
        Ok(Client {
            address,
            sender: open(address).await?,
        })
    }

    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), String> {
        // A service may close a connection after an answer; that is no failure.
        if self.sender.ready().await.is_err() {
            self.sender = open(self.address).await?;
        }
        let answer = self.sender.send_request(request).await;
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| format!("half an answer: {error}"))?;
        Ok((head.status, body.to_bytes()))
    }
}

async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
    let no_delay = stream.set_nodelay(true);
    no_delay.map_err(|error| format!("cannot set TCP_NODELAY: {error}"))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("cannot connect: {error}"))?;
    // Its errors are reported to whoever sends a request.
    tokio::spawn(connection);
    Ok(sender)
}
