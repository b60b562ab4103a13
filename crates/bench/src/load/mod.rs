//! The load generator: a process of its own, one thread, that keeps connections open and sends prepared requests over them.
//!
//! Two ways to send. *Closed*: every connection sends its next request when the answer to the last one is there; a latency is then what one of that
//! many users feels. *Paced*: a fixed number of requests a second, whatever the server does; a request that had to wait for its connection counts from
//! when it was due, so that a stall is not forgotten.
//!
//! Every answer's status is checked; what is not expected is counted by status and never as throughput.

pub(crate) mod buses;
mod connection;
pub(crate) mod exam;
mod report;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;

use anyhow::Context;
use serde::{Deserialize, Serialize};

pub(crate) use connection::ask;
pub(crate) use report::Report;

/// A request that is sent over and over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Template {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The access token.
    pub(crate) token: Option<String>,
    /// Further headers.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// Whether each sending carries an `Idempotency-Key` of its own.
    pub(crate) keyed: bool,
}

impl Template {
    pub(crate) fn new(method: &str, path: impl Into<String>, token: Option<&str>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            token: token.map(str::to_owned),
            headers: Vec::new(),
            body: None,
            keyed: false,
        }
    }

    pub(crate) fn body(self, body: &serde_json::Value) -> Self {
        Self { body: Some(body.to_string()), ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn keyed(self, keyed: bool) -> Self {
        Self { keyed, ..self }
    }
}

/// What to send, how long, and over how many connections.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Seconds that don't count, at the beginning.
    pub(crate) warmup: f64,
    /// Seconds that count.
    pub(crate) seconds: f64,
    /// Requests a second; none is as many as are answered.
    pub(crate) rate: Option<f64>,
    /// Ends after that many requests, if that is earlier.
    pub(crate) total: Option<u64>,
    /// Whether a 503 is no error but waited out as its `Retry-After` says, and the request sent again; its latency goes on counting.
    pub(crate) patient: bool,
    /// Whether each connection is used once, uncounted, as soon as it is open. A server hangs up on whoever connects and then says nothing, and rightly.
    pub(crate) primed: bool,
    /// The status that counts as an answer.
    pub(crate) expect: u16,
    /// Taken in turn by all connections.
    pub(crate) requests: Vec<Template>,
}

impl Spec {
    /// As fast as `connections` are answered.
    pub(crate) fn closed(address: SocketAddr, connections: usize, warmup: f64, seconds: f64, expect: u16, requests: Vec<Template>) -> Self {
        Self { address, connections, warmup, seconds, rate: None, total: None, patient: false, primed: false, expect, requests }
    }

    /// `rate` requests a second.
    pub(crate) fn paced(self, rate: f64) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Each request once, however long it takes (but at most as many seconds as are given).
    pub(crate) fn each_once(address: SocketAddr, connections: usize, limit: f64, expect: u16, requests: Vec<Template>) -> Self {
        let total = u64::try_from(requests.len()).ok();
        Self { total, ..Self::closed(address, connections, 0.0, limit, expect, requests) }
    }
}

/// Reads a [`Spec`] as JSON from standard input, applies it, and prints the [`Report`] as JSON.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let spec: Spec = serde_json::from_str(&text).context("the specification can't be read")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(tokio::task::LocalSet::new().run_until(connection::apply(&spec)))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

/// Errors by what they are: a status, or what broke.
type Errors = BTreeMap<String, u64>;
