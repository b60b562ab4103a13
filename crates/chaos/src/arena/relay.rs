//! A TCP relay between one process and one store: the network, with faults on demand.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::plan::Trouble;

/// A port on loopback that leads to another one.
pub(crate) struct Relay {
    port: u16,
    trouble: watch::Sender<Option<Trouble>>,
}

impl Relay {
    pub(crate) async fn listen(upstream: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (trouble, seen) = watch::channel(None);
        tokio::spawn(async move {
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, upstream, seen.clone()));
                }
            }
        });
        Ok(Self { port, trouble })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// From now on.
    pub(crate) fn set(&self, trouble: Option<Trouble>) {
        self.trouble.send_replace(trouble);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

/// Carries one connection until either end closes it or the trouble is such that it breaks.
async fn carry(client: TcpStream, upstream: u16, trouble: watch::Receiver<Option<Trouble>>) {
    if *trouble.borrow() == Some(Trouble::Cut) {
        return;
    }
    // A store that is away refuses; then the client is refused too.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, trouble.clone(), Direction::Request) => {}
        () = pump(from_server, to_client, trouble.clone(), Direction::Answer) => {}
        () = broken(trouble) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut trouble: watch::Receiver<Option<Trouble>>, direction: Direction) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let now = *trouble.borrow();
        match now {
            Some(Trouble::Deaf) if direction == Direction::Answer => continue,
            Some(Trouble::Slow(by)) => tokio::time::sleep(Duration::from_millis(by)).await,
            // What was under way arrives when the trouble is over, whoever still waits for it.
            Some(Trouble::Stall) => drop(trouble.wait_for(|now| *now != Some(Trouble::Stall)).await),
            _ => {}
        }
        let Some(bytes) = buffer.get(..read) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Returns when a connection can't go on: it was cut, or answers are missing from it.
async fn broken(mut trouble: watch::Receiver<Option<Trouble>>) {
    let mut deaf = *trouble.borrow_and_update() == Some(Trouble::Deaf);
    while trouble.changed().await.is_ok() {
        let now = *trouble.borrow_and_update();
        if now == Some(Trouble::Cut) || (deaf && now != Some(Trouble::Deaf)) {
            return;
        }
        deaf = now == Some(Trouble::Deaf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An upstream that answers each byte with the same byte, and says what it got.
    async fn echo() -> (u16, tokio::sync::mpsc::UnboundedReceiver<u8>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let tell = tell.clone();
                tokio::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        let _ = tell.send(byte);
                        if stream.write_u8(byte).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (port, told)
    }

    async fn soon<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(300), future).await.ok()
    }

    #[tokio::test]
    async fn a_cut_breaks_connections_and_refuses_new_ones_until_it_is_over() {
        let (port, _told) = echo().await;
        let relay = Relay::listen(port).await.unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await.unwrap();
        stream.write_u8(1).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 1);
        relay.set(Some(Trouble::Cut));
        assert!(soon(stream.read_u8()).await.unwrap().is_err());
        let mut refused = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await.unwrap();
        assert!(soon(refused.read_u8()).await.unwrap().is_err());
        relay.set(None);
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await.unwrap();
        stream.write_u8(2).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_was_sent_during_a_stall_arrives_afterwards() {
        let (port, mut told) = echo().await;
        let relay = Relay::listen(port).await.unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await.unwrap();
        relay.set(Some(Trouble::Stall));
        stream.write_u8(7).await.unwrap();
        assert!(soon(told.recv()).await.is_none());
        relay.set(None);
        assert_eq!(soon(told.recv()).await.unwrap(), Some(7));
        assert_eq!(soon(stream.read_u8()).await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn a_deaf_link_delivers_requests_loses_answers_and_then_breaks() {
        let (port, mut told) = echo().await;
        let relay = Relay::listen(port).await.unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await.unwrap();
        relay.set(Some(Trouble::Deaf));
        stream.write_u8(7).await.unwrap();
        assert_eq!(soon(told.recv()).await.unwrap(), Some(7));
        assert!(soon(stream.read_u8()).await.is_none());
        relay.set(None);
        assert!(soon(stream.read_u8()).await.unwrap().is_err());
    }
}
