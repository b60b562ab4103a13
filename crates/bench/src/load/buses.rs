//! A morning of buses: each tells where it is once a second, and each is watched by people on connections of their own.
//!
//! Where a bus is carries the instant at which it was sent, so that a listener knows how old it is when it comes: both clocks are this process's.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use domain::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::Template;
use super::connection::{Connection, prepared};
use super::report::{Report, Tally};
use crate::machine;

/// Listeners that connect at once: fewer than the server's backlog.
const OPENING: usize = 256;

/// A bus, and who watches it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ride {
    pub(crate) trip: Uuid,
    pub(crate) watcher: String,
}

/// The morning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rides {
    pub(crate) address: SocketAddr,
    /// Whoever sends positions.
    pub(crate) sender: String,
    pub(crate) buses: Vec<Ride>,
    /// Dealt out to the buses in turn.
    pub(crate) listeners: usize,
    pub(crate) seconds: u32,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Watched {
    /// Positions: from sending to the acknowledgement.
    pub(crate) told: Report,
    /// Positions at listeners: from sending to seeing.
    pub(crate) seen: Report,
    /// Listeners that were still connected at the end.
    pub(crate) listening: usize,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let rides: Rides = serde_json::from_str(&text).context("the morning can't be read")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watched = runtime.block_on(tokio::task::LocalSet::new().run_until(hold(rides)))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&watched)?)?;
    Ok(())
}

struct Street {
    address: SocketAddr,
    told: RefCell<Tally>,
    seen: RefCell<Tally>,
    listening: Cell<usize>,
    begun: Cell<Option<DateTime<Utc>>>,
}

async fn hold(rides: Rides) -> anyhow::Result<Watched> {
    let street = Rc::new(Street {
        address: rides.address,
        told: RefCell::new(Tally::new()?),
        seen: RefCell::new(Tally::new()?),
        listening: Cell::new(0),
        begun: Cell::new(None),
    });
    let cpu = machine::cpu_seconds(std::process::id());
    let mut watching = Vec::with_capacity(rides.listeners);
    for index in 0..rides.listeners {
        let ride = rides.buses.get(index % rides.buses.len().max(1)).context("no bus")?.clone();
        watching.push(tokio::task::spawn_local(watch(Rc::clone(&street), ride)));
        while watching.len() > street.listening.get() + OPENING {
            if watching.iter().any(tokio::task::JoinHandle::is_finished) {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
    let patience = Instant::now() + Duration::from_mins(1);
    while street.listening.get() < rides.listeners {
        if Instant::now() > patience {
            let why = street.seen.borrow().sample.clone().unwrap_or_default();
            bail!("{} of {} listeners got through: {why}", street.listening.get(), rides.listeners);
        }
        sleep(Duration::from_millis(20)).await;
    }
    street.begun.set(Some(SystemClock.now()));
    let begin = Instant::now() + Duration::from_millis(100);
    let buses = u32::try_from(rides.buses.len())?;
    let mut driving = Vec::new();
    for (ride, number) in rides.buses.iter().zip(0_u32..) {
        // Spread over the second, as buses are.
        let at = begin + Duration::from_secs_f64(f64::from(number) / f64::from(buses));
        driving.push(tokio::task::spawn_local(drive(Rc::clone(&street), ride.trip, rides.sender.clone(), at, rides.seconds)));
    }
    for bus in driving {
        bus.await?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    // What was told last is on its way.
    sleep(Duration::from_secs(2)).await;
    let listening = street.listening.get();
    for listener in watching {
        listener.abort();
        let _ = listener.await;
    }
    let cpu = machine::cpu_seconds(std::process::id()) - cpu;
    let street = Rc::into_inner(street).context("somebody is still at work")?;
    Ok(Watched { told: street.told.into_inner().report(seconds, cpu), seen: street.seen.into_inner().report(seconds, cpu), listening })
}

async fn drive(street: Rc<Street>, trip: Uuid, token: String, begin: Instant, seconds: u32) {
    let go = async {
        let mut connection = Connection::open(street.address).await?;
        for second in 0..seconds {
            sleep_until(begin + Duration::from_secs(second.into())).await;
            let fix = json!({"recorded_at": SystemClock.now(), "latitude": 12.9 + f64::from(second) * 0.000_1, "longitude": 77.6, "speed_mps": 9.0});
            let path = format!("/api/v1/bus/trips/{trip}/positions");
            let template = Template::new("POST", path, Some(&token)).body(&json!({"positions": [fix]}));
            let started = Instant::now();
            let answer = connection.exchange(&prepared(&template, street.address), |status| status != 200).await?;
            if answer.status != 200 {
                bail!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
            }
            let mut told = street.told.borrow_mut();
            told.all += 1;
            told.ok += 1;
            told.took(started.elapsed());
        }
        anyhow::Ok(())
    };
    if let Err(error) = go.await {
        street.told.borrow_mut().error("a bus broke down".to_owned(), || format!("{error:#}"));
    }
}

async fn watch(street: Rc<Street>, ride: Ride) {
    let outcome = listen(&street, &ride).await;
    street.listening.set(street.listening.get().saturating_sub(1));
    if let Err(error) = outcome {
        street.seen.borrow_mut().error("a listener was cut off".to_owned(), || format!("{error:#}"));
    }
}

async fn listen(street: &Street, ride: &Ride) -> anyhow::Result<()> {
    let path = format!("/api/v1/bus/trips/{}/live", ride.trip);
    let mut stream = TcpStream::connect(street.address).await?;
    stream.write_all(&prepared(&Template::new("GET", path, Some(&ride.watcher)), street.address)).await?;
    let mut buffer = Vec::with_capacity(4096);
    let mut is_open = false;
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if !is_open {
            let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            if !buffer.starts_with(b"HTTP/1.1 200 ") {
                bail!("{}", String::from_utf8_lossy(&buffer));
            }
            buffer.drain(..end + 4);
            is_open = true;
            street.listening.set(street.listening.get() + 1);
        }
        // The body is chunked, and each event is one chunk: what stands between two events ends a line.
        let text = String::from_utf8_lossy(&buffer);
        let Some((whole, _)) = text.rsplit_once("\n\n") else { continue };
        let now = SystemClock.now();
        for event in whole.split("\n\n").filter(|event| event.contains("event: position")) {
            let sent = event.split_once("\"recorded_at\":\"").and_then(|(_, rest)| rest.split_once('"'));
            let sent: DateTime<Utc> = sent.context("a position without its time")?.0.parse()?;
            // Where the bus was as the listener came is no news.
            if street.begun.get().is_some_and(|begun| sent >= begun) {
                let mut seen = street.seen.borrow_mut();
                seen.all += 1;
                seen.ok += 1;
                seen.took((now - sent).to_std().unwrap_or_default());
            }
        }
        let rest = text.len() - text.rfind("\n\n").map_or(text.len(), |at| at + 2);
        let kept = buffer.len() - rest.min(buffer.len());
        buffer.drain(..kept);
    }
}
