//! A TCP relay in front of a server: what a bad network does to it, a test can do here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a server on loopback. Stops when dropped.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    network: Arc<Network>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Network {
    /// Microseconds that each piece of data is held back, in each direction.
    delay: AtomicU64,
    /// Bytes a second that pass in each direction of each connection; 0 is no limit.
    rate: AtomicU64,
    /// Counts up when connections are cut; odd while none is let through.
    cuts: watch::Sender<u64>,
}

impl Relay {
    /// A relay to `port`, on a port of its own.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let network = Arc::new(Network { delay: AtomicU64::new(0), rate: AtomicU64::new(0), cuts: watch::Sender::new(0) });
        let accepting = tokio::spawn(accept(listener, port, Arc::clone(&network)));
        Self { port: own, network, accepting }
    }

    /// Where it listens, on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Holds back whatever passes by `delay`, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.network.delay.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Lets `bytes` a second pass in each direction of each connection; 0 is no limit.
    pub fn throttle(&self, bytes: u64) {
        self.network.rate.store(bytes, Ordering::SeqCst);
    }

    /// Cuts all connections, and lets none through until [`Relay::mend`].
    pub fn cut(&self) {
        self.network.cuts.send_modify(|cuts| *cuts |= 1);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.network.cuts.send_modify(|cuts| *cuts += *cuts & 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.network.cuts.send_modify(|cuts| *cuts |= 1);
    }
}

async fn accept(listener: TcpListener, port: u16, network: Arc<Network>) {
    while let Ok((client, _)) = listener.accept().await {
        if *network.cuts.borrow() & 1 == 1 {
            continue;
        }
        tokio::spawn(connect(client, port, Arc::clone(&network)));
    }
}

async fn connect(client: TcpStream, port: u16, network: Arc<Network>) {
    let mut cuts = network.cuts.subscribe();
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pass(from_client, to_server, &network) => {}
        () = pass(from_server, to_client, &network) => {}
        _ = cuts.wait_for(|cuts| cuts & 1 == 1) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, network: &Network) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer).await {
        let rate = network.rate.load(Ordering::SeqCst);
        let pause = Duration::from_micros(network.delay.load(Ordering::SeqCst))
            + (length as u64 * 1_000_000).checked_div(rate).map_or(Duration::ZERO, Duration::from_micros);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
