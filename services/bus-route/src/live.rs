//! The live view: how buses move, told to whoever watches.
//!
//! A position that moves a trip on is published on one Redis channel ([`store::CHANNEL`]). Each process subscribes to it once ([`follow`]) and hands the message to its own
//! listeners of that trip, each of whom has room for [`ROOM`] messages: who falls further behind is cut off rather than buffered, and may come again, which begins
//! with where the bus is then. Who listens is told where the bus is after each gap in the
//! subscription. A listener's right is looked at again when seats, trips or guardians change, and twice a minute, once for all listeners of a trip
//! ([`crate::audience`]); the access token each second.

use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::events::{Heard, subscription};
use domain::{BusRouteId, BusTripId, SchoolId, VehicleId};
use fred::interfaces::PubsubInterface;
use serde::{Deserialize, Serialize};
use service_kit::{Caller, Platform, Problem};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use utoipa::ToSchema;

use crate::audience::Audiences;
use crate::model::eta::StopEta;
use crate::model::progress::{Course, Progress};
use crate::model::route::Direction;
use crate::model::trip::TripState;
use crate::routes::{Rooms, Sight};
use crate::store::{self, Message};

/// How many messages a listener may be behind.
const ROOM: usize = 16;
/// How often a listener hears something, so that proxies keep the connection: in seconds.
const KEEP_ALIVE: u32 = 15;
/// After how many seconds a listener's right is looked at again though nothing is known to have changed.
const LOOK_AGAIN: u32 = 30;

/// Where a bus is, and when it will be at its stops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusPosition)]
pub(crate) struct Update {
    /// The trip.
    pub trip_id: BusTripId,
    /// The route.
    pub route_id: BusRouteId,
    /// The vehicle.
    pub vehicle_id: VehicleId,
    /// Which way.
    pub direction: Direction,
    /// When it was there, by the device's clock.
    pub recorded_at: DateTime<Utc>,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres a second, as the device told or as it was observed.
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from north.
    pub heading_degrees: Option<f64>,
    /// How late the bus is; negative is early.
    pub delay_seconds: Option<i64>,
    /// When it was, or will be, at its stops; for parents at the stops of their children alone.
    pub stops: Vec<StopEta>,
}

impl Update {
    /// How a trip goes; none before its first position.
    pub(crate) fn of(course: &Course, progress: &Progress) -> Option<Self> {
        let latest = progress.latest?;
        Some(Self {
            trip_id: course.trip_id,
            route_id: course.route_id,
            vehicle_id: course.vehicle_id,
            direction: course.direction,
            recorded_at: latest.recorded_at,
            latitude: latest.latitude,
            longitude: latest.longitude,
            speed_mps: latest.speed_mps.or(progress.speed_mps),
            heading_degrees: latest.heading_degrees,
            delay_seconds: progress.delay(course).map(|delay| delay.num_seconds()),
            stops: progress.etas(course),
        })
    }

    /// As much of it as is in sight.
    pub(crate) fn seen(&self, sight: &Sight) -> Self {
        let stops = self.stops.iter().filter(|stop| sight.holds(stop.stop_id)).cloned().collect();
        Self { stops, ..self.clone() }
    }
}

/// What travels on the channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// The bus has moved.
    Moved(Update),
    /// The trip is over.
    Ended,
}

/// A message as listeners of this process share it.
#[derive(Debug)]
struct Frame {
    revision: u64,
    told: Told,
    /// The update with all stops as JSON, made once for all who see all.
    full: String,
}

/// What the listeners of a trip hear.
type Frames = broadcast::Sender<Arc<Frame>>;

/// The listeners of a process.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    trips: Mutex<HashMap<(SchoolId, BusTripId), Frames>>,
    rights: Mutex<HashMap<SchoolId, watch::Sender<String>>>,
    audiences: Audiences,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) const fn audiences(&self) -> &Audiences {
        &self.audiences
    }

    fn listen(&self, school: SchoolId, trip: BusTripId) -> (broadcast::Receiver<Arc<Frame>>, watch::Receiver<String>) {
        let frames = held(&self.trips).entry((school, trip)).or_insert_with(|| broadcast::channel(ROOM).0).subscribe();
        let rights = held(&self.rights).entry(school).or_insert_with(|| watch::channel(String::new()).0).subscribe();
        (frames, rights)
    }

    /// The trips that somebody listens to.
    fn watched(&self) -> Vec<(SchoolId, BusTripId)> {
        held(&self.trips).iter().filter(|(_, listeners)| listeners.receiver_count() > 0).map(|(trip, _)| *trip).collect()
    }

    /// Hands on what came on the channel.
    fn tell(&self, message: &Message) {
        if !held(&self.trips).contains_key(&(message.school_id, message.trip_id)) {
            return;
        }
        match serde_json::from_str(message.body.get()) {
            Ok(told) => self.hand_on(message.school_id, message.trip_id, message.revision, told),
            Err(error) => warn!(%error, "a message about a bus that can't be read"),
        }
    }

    fn hand_on(&self, school: SchoolId, trip: BusTripId, revision: u64, told: Told) {
        let full = if let Told::Moved(update) = &told { serde_json::to_string(update).unwrap_or_default() } else { String::new() };
        if let Some(listeners) = held(&self.trips).get(&(school, trip)) {
            // Nobody there any more is no error.
            let _ = listeners.send(Arc::new(Frame { revision, told, full }));
        }
    }

    /// Forgets trips and schools that nobody listens to, and answers the schools that somebody does.
    fn tidy(&self) -> Vec<SchoolId> {
        self.audiences.tidy();
        held(&self.trips).retain(|_, sender| sender.receiver_count() > 0);
        let mut rights = held(&self.rights);
        rights.retain(|_, sender| sender.receiver_count() > 0);
        rights.keys().copied().collect()
    }

    fn rights_are(&self, school: SchoolId, generation: String) {
        if let Some(sender) = held(&self.rights).get(&school) {
            sender.send_if_modified(|known| {
                let is_new = *known != generation;
                if is_new {
                    *known = generation;
                }
                is_new
            });
        }
    }

    /// How many listen in this process.
    #[must_use]
    pub(crate) fn listeners(&self) -> usize {
        held(&self.trips).values().map(broadcast::Sender::receiver_count).sum()
    }
}

/// Hears what is told on the channel and hands it on, and keeps an eye on who may listen: one subscription a process, for as long as it runs.
pub(crate) async fn follow(platform: Platform, cancel: CancellationToken) {
    let hub: Arc<Hub> = platform.shared();
    tokio::join!(hear(&platform, &hub, &cancel), watch_rights(&platform, &hub, &cancel));
}

async fn hear(platform: &Platform, hub: &Hub, cancel: &CancellationToken) {
    let subscriber = match platform.subscriber() {
        Ok(subscriber) => subscriber,
        Err(error) => {
            warn!(%error, "buses can't be listened for");
            return;
        }
    };
    let gaps = Notify::new();
    let heard = |heard| match heard {
        Heard::Message(message) => {
            if let Some(Ok(message)) = message.value.as_bytes().map(serde_json::from_slice::<Message>) {
                hub.tell(&message);
            } else {
                warn!("a message about a bus that can't be read");
            }
        }
        Heard::Gap => gaps.notify_one(),
    };
    tokio::select! {
        () = subscription(subscriber, [store::CHANNEL], cancel.clone(), heard) => {}
        () = catch_up(platform, hub, &gaps) => {}
    }
}

/// After each gap tells listeners what they may have missed in it. Never ends.
async fn catch_up(platform: &Platform, hub: &Hub, gaps: &Notify) {
    loop {
        gaps.notified().await;
        // Told twice is told once: a listener knows which revision it has seen.
        while !tell_latest(platform, hub).await {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Tells where each bus is that somebody watches. Answers whether all is told that is known.
async fn tell_latest(platform: &Platform, hub: &Hub) -> bool {
    let mut is_done = true;
    for (school, trip) in hub.watched() {
        match latest(platform, school, trip).await {
            Ok(Some((revision, told))) => hub.hand_on(school, trip, revision, told),
            Ok(None) => {}
            Err(problem) => {
                debug!(kind = ?problem.kind(), %trip, "where a bus is, is not known for a moment");
                is_done = false;
            }
        }
    }
    is_done
}

/// The last that was told of a trip; none before its first position.
async fn latest(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<(u64, Told)>, Problem> {
    let Some(course) = store::course(platform, school, trip).await? else { return Ok(Some((u64::MAX, Told::Ended))) };
    let Some(live) = store::live(platform.redis(), school, trip).await? else { return Ok(None) };
    Ok(Update::of(&course, &live.progress).map(|update| (live.revision, Told::Moved(update))))
}

async fn watch_rights(platform: &Platform, hub: &Hub, cancel: &CancellationToken) {
    while !cancel.is_cancelled() {
        tokio::select! { () = sleep(Duration::from_millis(500)) => {} () = cancel.cancelled() => return }
        for school in hub.tidy() {
            match store::generation(platform.redis(), school).await {
                Ok(generation) => hub.rights_are(school, generation),
                Err(error) => debug!(%error, "whether rights have changed is not known for a moment"),
            }
        }
        #[allow(clippy::cast_precision_loss)] // nobody counts that far
        metrics::gauge!("bus_listeners").set(hub.listeners() as f64);
    }
}

/// Tells listeners that a trip is over.
pub(crate) async fn tell_end(platform: &Platform, course: &Course) {
    let Ok(body) = serde_json::value::to_raw_value(&Told::Ended) else { return };
    let message = Message { school_id: course.school_id, trip_id: course.trip_id, revision: u64::MAX, body };
    let Ok(text) = serde_json::to_string(&message) else { return };
    let told: Result<u64, _> = platform.redis().next().publish(store::CHANNEL, text).await;
    if let Err(error) = told {
        warn!(%error, "listeners find out by themselves that a trip is over");
    }
}

/// Why a listener is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bye {
    /// The trip is over.
    Ended,
    /// The listener may not watch this bus any more, or is signed out.
    NotAllowed,
    /// The listener fell behind.
    TooSlow,
    /// The process stops; another one will do.
    Stopping,
}

impl Bye {
    /// As it is told.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "trip_ended",
            Self::NotAllowed => "not_allowed",
            Self::TooSlow => "too_slow",
            Self::Stopping => "stopping",
        }
    }
}

/// What a listener is to be told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Where the bus is, as JSON.
    Position(String),
    /// Nothing, to keep the connection.
    Nothing,
    /// That is all.
    Bye(Bye),
}

/// Somebody who watches a bus.
pub(crate) struct Listener {
    rooms: Rooms,
    caller: Caller,
    token: String,
    trip: BusTripId,
    sight: Sight,
    frames: broadcast::Receiver<Arc<Frame>>,
    rights: watch::Receiver<String>,
    tick: Interval,
    ticks: u32,
    revision: u64,
    /// Where the bus is as the listener comes.
    first: Option<String>,
}

impl Listener {
    /// A listener to `trip`, which runs, who may see what is in `sight`.
    pub(crate) async fn begin(rooms: Rooms, caller: Caller, token: String, course: &Course, sight: Sight) -> Self {
        // Listened to first and looked up second: what comes in between is heard twice rather than never.
        let (frames, mut rights) = rooms.hub.listen(caller.school_id, course.trip_id);
        // The right was looked at before changes of it were listened for: once more, or one in between would go unseen.
        rights.mark_changed();
        let live = store::live(rooms.platform.redis(), caller.school_id, course.trip_id).await.ok().flatten();
        let first = live.as_ref().and_then(|live| Update::of(course, &live.progress)).map(|update| update.seen(&sight));
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            trip: course.trip_id,
            revision: live.map_or(0, |live| live.revision),
            first: first.and_then(|update| serde_json::to_string(&update).ok()),
            ticks: 0,
            rooms,
            caller,
            token,
            sight,
            frames,
            rights,
            tick,
        }
    }

    /// Waits for what is to be told next.
    pub(crate) async fn next(&mut self) -> Next {
        if let Some(first) = self.first.take() {
            return Next::Position(first);
        }
        let stopping = self.rooms.platform.stopping().clone();
        loop {
            tokio::select! {
                frame = self.frames.recv() => match frame {
                    Ok(frame) => if let Some(next) = self.told(&frame) { return next },
                    Err(RecvError::Lagged(_)) => {
                        metrics::counter!("bus_listeners_dropped_total").increment(1);
                        return Next::Bye(Bye::TooSlow);
                    }
                    Err(RecvError::Closed) => return Next::Bye(Bye::Stopping),
                },
                changed = self.rights.changed() => {
                    if changed.is_err() {
                        return Next::Bye(Bye::NotAllowed);
                    }
                    if let Some(bye) = self.look_again().await {
                        return Next::Bye(bye);
                    }
                }
                _ = self.tick.tick() => {
                    self.ticks = self.ticks.wrapping_add(1);
                    if !self.is_signed_in().await {
                        return Next::Bye(Bye::NotAllowed);
                    }
                    if self.ticks.is_multiple_of(LOOK_AGAIN)
                        && let Some(bye) = self.look_again().await
                    {
                        return Next::Bye(bye);
                    }
                    if self.ticks.is_multiple_of(KEEP_ALIVE) {
                        return Next::Nothing;
                    }
                }
                () = stopping.cancelled() => return Next::Bye(Bye::Stopping),
            }
        }
    }

    fn told(&mut self, frame: &Frame) -> Option<Next> {
        match &frame.told {
            Told::Ended => Some(Next::Bye(Bye::Ended)),
            Told::Moved(_) if frame.revision <= self.revision => None,
            Told::Moved(update) => {
                self.revision = frame.revision;
                let text =
                    if self.sight == Sight::All { frame.full.clone() } else { serde_json::to_string(&update.seen(&self.sight)).ok()? };
                Some(Next::Position(text))
            }
        }
    }

    async fn is_signed_in(&self) -> bool {
        use service_kit::tokens::Refusal;
        // A key that is not at hand is no reason to send somebody away who was let in.
        matches!(self.rooms.platform.verifier().verify(&self.token).await, Ok(_) | Err(Refusal::KeysUnavailable))
    }

    /// Why the listener is to be let go, if so; what they see may be another thing now.
    async fn look_again(&mut self) -> Option<Bye> {
        let generation = self.rights.borrow().clone();
        let audience = self.rooms.hub.audiences.of(&self.rooms.platform, self.caller.school_id, self.trip, &generation).await;
        let audience = match audience {
            Ok(audience) => audience,
            // Away for a moment is not forbidden.
            Err(problem) if problem.kind() == service_kit::Kind::Unavailable => return None,
            Err(_) => return Some(Bye::NotAllowed),
        };
        match audience.and_then(|audience| Some((audience.state, audience.sight(&self.caller)?))) {
            Some((TripState::Running, sight)) => {
                self.sight = sight;
                None
            }
            // Its end was not heard.
            Some(_) => Some(Bye::Ended),
            None => Some(Bye::NotAllowed),
        }
    }
}
