//! A TCP proxy that stands for a distance: each piece arrives half a round trip later than it was sent, and pieces do not wait for
//! one another, as on a long cable.

use crate::support::Outcome;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

const PIECE: usize = 16 * 1024;

/// A piece, and when it arrives.
type Travelling = (Instant, Bytes);

/// The port that leads to `target`, for as long as this program runs. In a thread of its own: the load must not delay it more.
pub fn before(target: u16, round_trip: Duration) -> Outcome<u16> {
    let (reply, port) = sync_channel(1);
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            reply.send(listener.local_addr()?.port()).ok();
            accept(listener, target, round_trip / 2).await
        })
    };
    thread::spawn(move || {
        let end: std::io::Result<()> = work();
        eprintln!("the distance has ended: {end:?}");
    });
    Ok(port.recv()?)
}

async fn accept(listener: TcpListener, target: u16, delay: Duration) -> std::io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let target = SocketAddr::from(([127, 0, 0, 1], target));
            // A server that refuses is for the client to see: its connection ends.
            if let Ok(server) = TcpStream::connect(target).await
                && client.set_nodelay(true).is_ok()
                && server.set_nodelay(true).is_ok()
            {
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                carry(from_client, to_server, delay);
                carry(from_server, to_client, delay);
            }
        });
    }
}

fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, delay: Duration) {
    let (send, arrive) = unbounded_channel();
    tokio::spawn(depart(from, send, delay));
    tokio::spawn(deliver(arrive, to));
}

/// Ends with the connection; what travels still arrives.
async fn depart(mut from: OwnedReadHalf, send: UnboundedSender<Travelling>, delay: Duration) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let arrival = Instant::now() + delay;
        if send
            .send((arrival, Bytes::copy_from_slice(&piece[..length])))
            .is_err()
        {
            return;
        }
    }
}

async fn deliver(mut arrive: UnboundedReceiver<Travelling>, mut to: OwnedWriteHalf) {
    while let Some((arrival, piece)) = arrive.recv().await {
        sleep_until(arrival).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
}
