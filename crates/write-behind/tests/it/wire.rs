//! A wire to Redis that breaks when it is told to: after Redis has done what it was asked, and before the answer is through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy on a port of its own.
pub struct Wire {
    port: u16,
    lose_next: Arc<AtomicBool>,
}

impl Wire {
    /// A wire to the Redis at `port`.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), lose_next: Arc::default() };
        let lose_next = Arc::clone(&wire.lose_next);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&lose_next)));
            }
        });
        wire
    }

    /// The answer to the next script call is lost, and its connection with it.
    pub fn lose_the_next_answer(&self) {
        self.lose_next.store(true, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub fn has_lost_it(&self) -> bool {
        !self.lose_next.load(Ordering::SeqCst)
    }

    /// One connection through the wire, which sends a command once more when it broke off, like those of the services.
    pub async fn pool(&self) -> Pool {
        let pool = Builder::from_config(Config::from_url(&format!("redis://127.0.0.1:{}", self.port)).unwrap())
            .with_performance_config(|performance| performance.default_command_timeout = Duration::from_secs(2))
            .with_connection_config(|connection| connection.max_command_attempts = 2)
            .set_policy(ReconnectPolicy::new_constant(0, 50))
            .build_pool(1)
            .unwrap();
        pool.init().await.unwrap();
        pool
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, lose_next: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut doomed = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                doomed = doomed || (asked[..length].windows(7).any(|word| word == b"EVALSHA") && lose_next.swap(false, Ordering::SeqCst));
                if server.write_all(&asked[..length]).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if doomed || client.write_all(&answered[..length]).await.is_err() { return }
            }
        }
    }
}
