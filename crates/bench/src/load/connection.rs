//! One connection after another, and one request after another on each: bytes that were prepared, answers that are looked at no closer than needed.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use uuid::Uuid;

use super::report::Tally;
use super::{Report, Spec, Template};
use crate::machine;

/// Connections that are opened at once: fewer than a listener's backlog.
const OPENING: usize = 512;
/// How long after the end an answer may still come before it counts as an error.
const GRACE: Duration = Duration::from_secs(20);
const KEY: &str = "Idempotency-Key: ";

/// A request as bytes; where its key goes, if each sending has one.
struct Prepared {
    bytes: Vec<u8>,
    key: Option<std::ops::Range<usize>>,
}

impl Prepared {
    fn of(template: &Template, address: SocketAddr) -> Self {
        use std::fmt::Write;
        let Template { method, path, token, headers, body, keyed } = template;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n");
        // Writing into a string can't fail.
        if let Some(token) = token {
            let _ = write!(head, "Authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(body) = body {
            let _ = write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        let key = keyed.then(|| {
            let start = head.len() + KEY.len();
            let _ = write!(head, "{KEY}{}\r\n", Uuid::nil().simple());
            start..start + 32
        });
        head.push_str("\r\n");
        head.push_str(body.as_deref().unwrap_or_default());
        Self { bytes: head.into_bytes(), key }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    retry_after: Option<u64>,
}

impl Answer {
    /// How many seconds to wait before asking again.
    pub(super) fn retry_after(&self) -> u32 {
        self.retry_after.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(1)
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends and awaits the answer. The body is kept if it is `wanted` for this status.
    pub(super) async fn exchange(&mut self, request: &[u8], wanted: impl Fn(u16) -> bool) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            let Some((mut answer, head, length)) = head(&self.buffer)? else { continue };
            while self.buffer.len() < head + length {
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    bail!("the server closed the connection within an answer");
                }
            }
            if wanted(answer.status) {
                answer.body = self.buffer.get(head..head + length).unwrap_or_default().to_vec();
            }
            return Ok(answer);
        }
    }
}

/// Status, length of the head and length of the body, once the whole head is there.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(Answer, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).context("an answer is not HTTP")? else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let number = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()?.parse::<usize>().ok()
    };
    let length = number("content-length");
    // None of our routes streams; guessing at a length would spoil every answer after it.
    let length = length.or_else(|| [204, 304].contains(&status).then_some(0)).context("an answer has no Content-Length")?;
    let retry_after = number("retry-after").and_then(|seconds| u64::try_from(seconds).ok());
    Ok(Some((Answer { status, body: Vec::new(), retry_after }, head, length)))
}

/// What is sent for a request that has no key.
pub(super) fn prepared(template: &Template, address: SocketAddr) -> Vec<u8> {
    Prepared::of(template, address).bytes
}

/// Asks once, on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, template: &Template) -> anyhow::Result<Answer> {
    let template = template.clone().header("Connection", "close");
    Connection::open(address).await?.exchange(&Prepared::of(&template, address).bytes, |_| true).await
}

/// What all connections share.
struct Shared {
    requests: Vec<Prepared>,
    next: Cell<u64>,
    total: u64,
    expect: u16,
    patient: bool,
    /// Of all requests: from here on they count.
    counted_from: Instant,
    end: Instant,
    begin: Instant,
    /// Between two requests of one connection, when paced.
    interval: Option<Duration>,
    /// Makes this process's idempotency keys its own.
    seed: u64,
    tally: RefCell<Tally>,
}

impl Shared {
    fn take(&self) -> Option<(u64, &Prepared)> {
        let number = self.next.get();
        if number >= self.total {
            return None;
        }
        self.next.set(number + 1);
        let count = u64::try_from(self.requests.len()).ok()?;
        let index = usize::try_from(number.checked_rem(count)?).ok()?;
        Some((number, self.requests.get(index)?))
    }
}

/// Applies a load.
pub(super) async fn apply(spec: &Spec) -> anyhow::Result<Report> {
    let mut connections = Vec::with_capacity(spec.connections);
    let first = spec.requests.first().filter(|_| spec.primed).map(|template| Rc::new(Prepared::of(template, spec.address).bytes));
    while connections.len() < spec.connections {
        let opening = (spec.connections - connections.len()).min(OPENING);
        let batch: Vec<_> = (0..opening).map(|_| tokio::task::spawn_local(open(spec.address, first.clone(), spec.expect))).collect();
        for connection in batch {
            connections.push(connection.await?.context("can't connect")?);
        }
    }
    let cpu = machine::cpu_seconds(std::process::id());
    let begin = Instant::now();
    let counted_from = begin + Duration::from_secs_f64(spec.warmup);
    let end = counted_from + Duration::from_secs_f64(spec.seconds);
    let (seed, _) = Uuid::now_v7().as_u64_pair();
    let interval = match spec.rate {
        Some(rate) => Some(Duration::try_from_secs_f64(f64::from(u32::try_from(spec.connections)?) / rate)?),
        None => None,
    };
    let shared = Rc::new(Shared {
        requests: spec.requests.iter().map(|template| Prepared::of(template, spec.address)).collect(),
        next: Cell::new(0),
        total: spec.total.unwrap_or(u64::MAX),
        expect: spec.expect,
        patient: spec.patient,
        counted_from,
        end,
        begin,
        interval,
        seed,
        tally: RefCell::new(Tally::new()?),
    });
    let mut tasks = Vec::with_capacity(spec.connections);
    let count = f64::from(u32::try_from(spec.connections)?);
    for (index, connection) in connections.into_iter().enumerate() {
        // Spread evenly, so that paced connections don't fire together.
        let share = f64::from(u32::try_from(index)?) / count;
        let offset = shared.interval.map(|interval| interval.mul_f64(share)).unwrap_or_default();
        tasks.push(tokio::task::spawn_local(converse(Rc::clone(&shared), connection, offset)));
    }
    for task in tasks {
        task.await?;
    }
    let stopped = Instant::now().min(end);
    let seconds = stopped.saturating_duration_since(counted_from).as_secs_f64();
    let cpu = machine::cpu_seconds(std::process::id()) - cpu;
    let shared = Rc::into_inner(shared).context("a connection is still at work")?;
    Ok(shared.tally.into_inner().report(seconds, cpu))
}

/// A connection, used once if there is a first request.
async fn open(address: SocketAddr, first: Option<Rc<Vec<u8>>>, expect: u16) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(address).await?;
    if let Some(first) = first {
        let answer = connection.exchange(&first, |_| false).await?;
        anyhow::ensure!(answer.status == expect, "the first answer was {}", answer.status);
    }
    Ok(connection)
}

/// One connection's requests, one after another, until time or the requests are up.
async fn converse(shared: Rc<Shared>, mut connection: Connection, offset: Duration) {
    let mut due = shared.begin + offset;
    let mut keyed = Vec::new();
    loop {
        let now = Instant::now();
        let mut started = now;
        if let Some(interval) = shared.interval {
            if due > now {
                if due >= shared.end {
                    return;
                }
                sleep_until(due).await;
                // The timer is a little late; that is not the server's doing.
                started = Instant::now();
            } else {
                // The last answer came after the next request was due.
                started = due;
            }
            due += interval;
        }
        if Instant::now() >= shared.end {
            return;
        }
        let Some((number, prepared)) = shared.take() else { return };
        let bytes = match &prepared.key {
            None => &prepared.bytes,
            Some(place) => {
                keyed.clone_from(&prepared.bytes);
                let key = Uuid::from_u64_pair(shared.seed, number).simple().to_string();
                if let Some(slot) = keyed.get_mut(place.clone()) {
                    slot.copy_from_slice(key.as_bytes());
                }
                &keyed
            }
        };
        if !settle(&shared, &mut connection, bytes, started).await {
            return;
        }
    }
}

/// Sends one request until it is answered for good. False if the connection is of no more use.
async fn settle(shared: &Shared, connection: &mut Connection, bytes: &[u8], started: Instant) -> bool {
    loop {
        let unexpected = |status| status != shared.expect;
        let answer = timeout_at(shared.end + GRACE, connection.exchange(bytes, unexpected)).await;
        let now = Instant::now();
        match answer {
            Ok(Ok(answer)) if answer.status == shared.expect => {
                let mut tally = shared.tally.borrow_mut();
                tally.all += 1;
                if now >= shared.counted_from && now <= shared.end {
                    tally.ok += 1;
                }
                // Also what is answered after the end: a stall there is one too.
                if started >= shared.counted_from {
                    tally.took(now - started);
                }
                return true;
            }
            Ok(Ok(answer)) if shared.patient && answer.status == 503 => {
                shared.tally.borrow_mut().refused += 1;
                if now >= shared.end {
                    return true;
                }
                // Up to a second more by chance, as clients should, so that they don't all come back at once.
                let (_, chance) = Uuid::now_v7().as_u64_pair();
                sleep(Duration::from_secs(u64::from(answer.retry_after())) + Duration::from_millis(chance % 1_000)).await;
                // Told to come back when all is over: there is nothing left to ask.
                if Instant::now() >= shared.end {
                    return true;
                }
            }
            Ok(Ok(answer)) => {
                let sample = || String::from_utf8_lossy(&answer.body).into_owned();
                shared.tally.borrow_mut().error(answer.status.to_string(), sample);
                return true;
            }
            Ok(Err(error)) => {
                shared.tally.borrow_mut().error("connection".to_owned(), || format!("{error:#}"));
                return false;
            }
            Err(_) => {
                shared.tally.borrow_mut().error("no answer".to_owned(), || "no answer in time".to_owned());
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_awaited_until_its_head_is_whole() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\nRetry-After: 2\r\n\r\nbody";
        for cut in 0..whole.len() - 4 {
            assert!(head(&whole[..cut]).unwrap().is_none(), "{cut}");
        }
        let (answer, head, length) = head(whole).unwrap().unwrap();
        assert_eq!((answer.status, answer.retry_after, head, length), (201, Some(2), whole.len() - 4, 4));
    }

    #[test]
    fn an_answer_of_unknown_length_is_refused() {
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().is_some());
    }

    #[test]
    fn the_place_of_the_key_is_that_of_the_header() {
        let template = Template::new("POST", "/x", Some("token")).body(&serde_json::json!({"a": 1})).keyed(true);
        let prepared = Prepared::of(&template, "127.0.0.1:80".parse().unwrap());
        let text = String::from_utf8(prepared.bytes).unwrap();
        let key = prepared.key.unwrap();
        assert_eq!(&text[key.clone()], "0".repeat(32));
        assert!(text[..key.start].ends_with("\r\nIdempotency-Key: "));
        assert!(text[key.end..].starts_with("\r\n\r\n{\"a\":1}"));
    }
}
