//! The write buffer: writes that Redis acknowledges, and reads that see them at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cache::codec::{self, Codec, Encoded};
use cache::{Flights, Guard, Verdict, key, near};
use domain::{Clock, EventEnvelope, Partition, SchoolId, ServiceName, Version};
use fred::clients::{Client, Pool};
use fred::error::Error as RedisError;
use fred::interfaces::{KeysInterface, ServerInterface, SetsInterface};
use fred::types::Value;
use fred::types::scripts::Script;
use store::{Postgres, StoreError};
use tokio::time::Instant;
use tracing::{Instrument, info_span, warn};
use uuid::Uuid;

use crate::entity::Buffered;
use crate::error::{ReadError, WriteError, is_away, is_out_of_memory};
use crate::mechanism::{Mechanism, on, text};
use crate::operation::{Absence, Expected, Idempotency, Operation};
use crate::scripts;

/// Where writes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteMode {
    /// Into Redis, and from there to PostgreSQL in batches.
    #[default]
    Buffered,
    /// Straight into PostgreSQL: what the buffer is measured against, and a way to run without it.
    Through,
}

/// How the buffer behaves.
#[derive(Debug, Clone)]
pub struct BufferSettings {
    /// Where writes go.
    pub mode: WriteMode,
    /// How values are compressed.
    pub codec: Codec,
    /// How long a saved row stays as a cached one.
    pub saved_ttl: Duration,
    /// Unsaved writes that a partition may hold before writers are asked to wait.
    pub backlog_limit: u64,
    /// How long a writer waits for room before it is sent away.
    pub patience: Duration,
    /// Replicas that must have a write before it is acknowledged.
    pub ack_replicas: u32,
}

impl Default for BufferSettings {
    fn default() -> Self {
        Self {
            mode: WriteMode::Buffered,
            codec: Codec::Snappy,
            saved_ttl: Duration::from_hours(2),
            backlog_limit: 100_000,
            patience: Duration::from_secs(1),
            ack_replicas: 0,
        }
    }
}

/// How one operation encodes its rows.
pub(crate) struct Encoding {
    codec: Codec,
    operation: [u8; 8],
    now_ms: u64,
}

impl Encoding {
    pub(crate) fn encode<T: Buffered>(&self, row: &T) -> Result<Encoded, codec::EncodeError> {
        let encoded = codec::encode(row, self.codec, number(row.version()), self.operation, self.now_ms)?;
        metrics::histogram!("redis_compression_ratio", "entity" => T::ENTITY).record(encoded.ratio());
        Ok(encoded)
    }
}

/// An acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Written now.
    New,
    /// This operation was acknowledged before; this is the id of its first row. Read it for the answer.
    Replayed(Uuid),
}

/// What a look-up found.
#[derive(Debug, Clone)]
pub enum Found<T> {
    /// The row.
    Row(T),
    /// There is none; a write that creates it must show this.
    Absent(Absence),
}

impl<T> Found<T> {
    /// The row, if there is one.
    pub fn row(self) -> Option<T> {
        match self {
            Self::Row(row) => Some(row),
            Self::Absent(_) => None,
        }
    }
}

/// The write buffer of all services. Cheap to clone.
#[derive(Clone)]
pub struct WriteBuffer {
    redis: Pool,
    settings: Arc<BufferSettings>,
    clock: Arc<dyn Clock>,
    write: Script,
    fill: Script,
    recall: Script,
    flights: Arc<Flights<String, Arc<Loaded>>>,
}

impl std::fmt::Debug for WriteBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteBuffer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What one flight to PostgreSQL brought: the encoded row or nothing, and up to which write that holds.
struct Loaded {
    bytes: Option<Vec<u8>>,
    settled: String,
}

impl WriteBuffer {
    /// A buffer on `redis`.
    #[must_use]
    pub fn new(redis: Pool, settings: BufferSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            redis,
            settings: Arc::new(settings),
            clock,
            write: Script::from_lua(text(scripts::WRITE)),
            fill: Script::from_lua(text(scripts::FILL)),
            recall: Script::from_lua(scripts::RECALL),
            flights: Arc::default(),
        }
    }

    /// Writes `operation`: all of its rows and events, or nothing. Once this returns, the write is on Redis's disk, in order, and every read sees it.
    ///
    /// `postgres` is the service's own pool. It is used when Redis is away and the operation only creates fresh rows, which needs no proof,
    /// and in write-through mode.
    pub async fn write(&self, postgres: &Postgres, operation: Operation) -> Result<Written, WriteError> {
        let span = redis_span("write", operation.service);
        if self.settings.mode == WriteMode::Through {
            return self.write_through(postgres, &operation).await;
        }
        let outcome = self.write_buffered(&operation).instrument(span).await;
        match outcome {
            // Without Redis nobody can say whether the guard holds. The caller looks at the source and repeats, under the same id.
            Err(WriteError::Unavailable(_)) if operation.needs_no_proof() && operation.guard.is_some() && on(Mechanism::GuardOnDetour) => {
                operation.guard.iter().for_each(|guard| guard.break_off());
                Err(WriteError::Outdated)
            }
            Err(WriteError::Unavailable(reason)) if on(Mechanism::CreatesDetour) && operation.needs_no_proof() => {
                warn!(reason, service = %operation.service, "Redis is away: a create goes to PostgreSQL");
                metrics::counter!("write_buffer_bypassed_total", "service" => operation.service.as_str()).increment(1);
                // Should the script have run after all, the drain finds the same row, version and content, and leaves it alone.
                self.write_through(postgres, &operation).await.map_err(|error| match error {
                    // Its parent is unsaved in Redis: only Redis can tell.
                    WriteError::Store(StoreError::ForeignKeyViolation { .. }) if on(Mechanism::DetourKnowsUnsavedParents) => {
                        WriteError::Unavailable(reason)
                    }
                    error => error,
                })
            }
            outcome => outcome,
        }
    }

    async fn write_buffered(&self, operation: &Operation) -> Result<Written, WriteError> {
        let deadline = Instant::now() + self.settings.patience;
        let mut pause = Duration::from_millis(10);
        let client = &near(&self.redis);
        loop {
            let answer = self.run_write(client, operation).await?;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if on(Mechanism::OutOfMemoryIsBusy) && is_out_of_memory(&error) => vec!["BUSY".into(), 0.into()],
                Err(error) if is_away(&error) => return Err(WriteError::Unavailable(error.to_string())),
                Err(error) => return Err(WriteError::Corrupt(error.to_string())),
            };
            let mut answer = answer.into_iter();
            let verdict = answer.next().and_then(Value::into_string).unwrap_or_default();
            let detail = answer.next().unwrap_or(Value::Null);
            match verdict.as_str() {
                "OK" => {
                    if on(Mechanism::ReplicasConfirm) {
                        self.confirmed(client).await?;
                    }
                    metrics::counter!("write_buffer_writes_total", "service" => operation.service.as_str()).increment(1);
                    operation.guard.iter().for_each(|guard| guard.hold());
                    return Ok(Written::New);
                }
                "REPLAY" => {
                    // The first try may have ended right here, unconfirmed.
                    if on(Mechanism::ReplicasConfirmRepetitions) {
                        self.confirmed(client).await?;
                    }
                    let id = detail.as_bytes().and_then(|bytes| Uuid::from_slice(bytes).ok());
                    return id.map(Written::Replayed).ok_or_else(|| WriteError::Corrupt("a stored answer is no row id".to_owned()));
                }
                "REUSED" => return Err(WriteError::KeyReused),
                "EXISTS" => return Err(WriteError::Exists),
                "MISSING" | "RETRY" => return Err(WriteError::Evicted),
                "OUTDATED" => {
                    operation.guard.iter().for_each(|guard| guard.break_off());
                    return Err(WriteError::Outdated);
                }
                "CONFLICT" => {
                    let version = answer.next().and_then(|value| value.as_i64()).and_then(|number| i32::try_from(number).ok());
                    let version = version.and_then(|number| Version::try_from(number).ok()).unwrap_or(Version::FIRST);
                    return Err(WriteError::Conflict(version));
                }
                "BUSY" if on(Mechanism::WritersWait) && Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                "BUSY" => {
                    metrics::counter!("write_buffer_refused_total", "service" => operation.service.as_str()).increment(1);
                    return Err(WriteError::Busy { retry_after: Duration::from_secs(2) });
                }
                _ => return Err(WriteError::Corrupt(format!("{verdict} {detail:?}"))),
            }
        }
    }

    /// Runs the script. Keys and arguments are put together for each try, because handing them over takes no copy; a second try is rare.
    async fn run_write(&self, client: &Client, operation: &Operation) -> Result<Result<Vec<Value>, RedisError>, WriteError> {
        let (keys, arguments) = self.call(operation)?;
        let answer = self.write.evalsha(client, keys, arguments).await;
        match answer {
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                if let Err(error) = self.write.load(client).await {
                    return Ok(Err(error));
                }
                let (keys, arguments) = self.call(operation)?;
                Ok(self.write.evalsha(client, keys, arguments).await)
            }
            answer => Ok(answer),
        }
    }

    /// Waits until enough replicas have all that `client`'s server has written so far.
    async fn confirmed(&self, client: &Client) -> Result<(), WriteError> {
        let wanted = i64::from(self.settings.ack_replicas);
        if wanted == 0 {
            return Ok(());
        }
        match client.wait::<i64>(wanted, 1_000).await {
            Ok(copies) if copies >= wanted => Ok(()),
            _ => Err(WriteError::Unavailable("too few replicas confirmed the write".to_owned())),
        }
    }

    fn call(&self, operation: &Operation) -> Result<(Vec<String>, Vec<Value>), WriteError> {
        let partition = operation.partition();
        let encoding = self.encoding(operation);
        let mut keys = vec![
            key::sequence(operation.service, partition),
            key::log(operation.service, partition),
            key::settled(operation.service, partition),
            key::events(partition),
            key::operations(operation.service, partition),
        ];
        let answer = operation.rows.first().map(|row| row.id).unwrap_or_default();
        let (field, fingerprint) = match &operation.idempotency {
            Some(idempotency) => (idempotency.field(), idempotency.fingerprint()),
            None => (String::new(), [0; 8]),
        };
        let mut arguments: Vec<Value> = vec![
            bytes(&operation.tag()),
            field.into(),
            bytes(&fingerprint),
            bytes(answer.as_bytes()),
            integer(self.settings.backlog_limit),
            integer(operation.rows.len()),
            integer(operation.events.len()),
        ];
        for row in &operation.rows {
            let encoded = row.image.encode(&encoding)?;
            let (expected, settled) = match &row.expected {
                Expected::Fresh => (0, ""),
                Expected::Absent(absence) => (0, absence.settled.as_str()),
                Expected::Version(version) => (version.get(), ""),
            };
            keys.push(key::value(row.entity, partition, row.id));
            keys.extend(row.scopes.iter().map(|scope| key::unsaved(row.entity, partition, scope)));
            arguments.extend([
                row.entity.into(),
                bytes(row.id.as_bytes()),
                i64::from(expected).into(),
                i64::from(row.version.get()).into(),
                bytes(&encoded.head()),
                bytes(encoded.tail()),
                settled.into(),
                integer(row.scopes.len()),
            ]);
        }
        for event in &operation.events {
            arguments.extend([event.kind.channel().into(), event_body(event)?.into()]);
        }
        match &operation.guard {
            Some(guard) => {
                keys.push(guard.key().to_owned());
                arguments.push(guard.seen().into());
            }
            None => arguments.push("".into()),
        }
        Ok((keys, arguments))
    }

    async fn write_through(&self, postgres: &Postgres, operation: &Operation) -> Result<Written, WriteError> {
        if let Some(guard) = &operation.guard
            && on(Mechanism::GuardOnDetour)
            && !self.holds(guard).await
        {
            return Err(WriteError::Outdated);
        }
        let mut transaction = postgres.school(operation.school).await?;
        #[cfg(test)]
        if !on(Mechanism::OutboxInSameTransaction) {
            let beside = postgres.school(operation.school).await?;
            for event in &operation.events {
                events::outbox::enqueue(&beside, event).await.map_err(|error| WriteError::Corrupt(error.to_string()))?;
            }
            beside.commit().await?;
        }
        for row in &operation.rows {
            let saved = row.image.save(transaction.connection()?, 0..1).await.map_err(|error| match error {
                crate::entity::SaveError::Store(error) => WriteError::Store(error),
                crate::entity::SaveError::Decode(error) => WriteError::Corrupt(error.to_string()),
            })?;
            if saved.superseded > 0 && operation.idempotency.is_some() {
                return Ok(Written::Replayed(row.id));
            }
            if saved.applied == 0 {
                return Err(match (&operation.idempotency, &row.expected) {
                    (Some(_), Expected::Fresh) => WriteError::KeyReused,
                    (_, Expected::Version(seen)) => WriteError::Conflict(*seen),
                    _ => WriteError::Exists,
                });
            }
        }
        for event in &operation.events {
            events::outbox::enqueue(&transaction, event).await.map_err(|error| WriteError::Corrupt(error.to_string()))?;
        }
        transaction.commit().await?;
        Ok(Written::New)
    }

    /// Whether `guard` holds, as somebody found or as Redis says now. If Redis can't say, it doesn't: then the work is done again without trusting memory.
    async fn holds(&self, guard: &Guard) -> bool {
        match guard.verdict() {
            Verdict::Holds => true,
            Verdict::Broken => false,
            Verdict::Open => {
                let present: Result<Option<String>, RedisError> = near(&self.redis).get(guard.key()).await;
                if let Ok(present) = present {
                    return guard.compare(present.as_deref());
                }
                guard.break_off();
                false
            }
        }
    }

    /// The first row of the operation that `idempotency` named before, if there was one: for routes that must look at what is there before they can write.
    pub async fn recall(&self, service: ServiceName, school: SchoolId, idempotency: &Idempotency) -> Result<Option<Uuid>, WriteError> {
        if self.settings.mode == WriteMode::Through {
            return Ok(None);
        }
        let keys = vec![key::operations(service, Partition::of(school))];
        let known: Result<Option<Vec<u8>>, RedisError> =
            self.recall.evalsha_with_reload(&near(&self.redis), keys, vec![idempotency.field()]).await;
        let known = known.map_err(|error| WriteError::Unavailable(error.to_string()))?;
        let Some((fingerprint, answer)) = known.as_deref().and_then(|known| known.split_first_chunk::<8>()) else { return Ok(None) };
        if *fingerprint != idempotency.fingerprint() {
            return Err(WriteError::KeyReused);
        }
        Ok(Uuid::from_slice(answer).ok())
    }

    fn encoding(&self, operation: &Operation) -> Encoding {
        let now_ms = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        Encoding { codec: self.settings.codec, operation: operation.tag(), now_ms }
    }

    /// The row with this id in this school, unsaved, cached or from PostgreSQL through `load`. One flight per row: a thousand readers that
    /// miss together make one query. When Redis is away the row comes straight from PostgreSQL.
    pub async fn find<T, F>(&self, school: SchoolId, id: Uuid, load: impl Fn() -> F) -> Result<Found<T>, ReadError>
    where
        T: Buffered,
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        self.find_guarded(None, school, id, load).await
    }

    /// Like [`WriteBuffer::find`], and compares `guard` in the same round trip: [`ReadError::Outdated`] if it doesn't hold. Its key lies in the school's partition.
    pub async fn find_guarded<T, F>(
        &self,
        guard: Option<&Arc<Guard>>,
        school: SchoolId,
        id: Uuid,
        load: impl Fn() -> F,
    ) -> Result<Found<T>, ReadError>
    where
        T: Buffered,
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        if self.settings.mode == WriteMode::Through || !on(Mechanism::ReadsAskRedis) {
            return Ok(load().await?.map_or_else(|| Found::Absent(Absence::unproven()), Found::Row));
        }
        let partition = Partition::of(school);
        let value_key = key::value(T::ENTITY, partition, id);
        let settled_key = key::settled(T::SERVICE, partition);
        for _ in 0..5 {
            let keys = [Some(value_key.as_str()), Some(&settled_key), guard.map(|guard| guard.key())];
            let keys: Vec<&str> = keys.into_iter().flatten().collect();
            let looked: Result<Vec<Value>, RedisError> = near(&self.redis).mget(keys).instrument(redis_span("find", T::SERVICE)).await;
            let looked = looked.map(|values| {
                let mut values = values.into_iter();
                let (value, settled) = (values.next().and_then(Value::into_bytes), values.next().and_then(Value::into_string));
                let holds = guard.is_none_or(|guard| guard.compare(values.next().and_then(Value::into_string).as_deref()));
                (holds, value, settled)
            });
            let settled = match looked {
                Ok((false, ..)) if on(Mechanism::GuardOnRead) => return Err(ReadError::Outdated),
                Ok((_, Some(bytes), _)) => {
                    cache::record_lookup(true);
                    return Ok(self.of_school(&bytes, school)?);
                }
                Ok((_, None, settled)) => settled.unwrap_or_else(|| "0".to_owned()),
                Err(_) if !on(Mechanism::ReadsDetour) => return Err(ReadError::Unsettled),
                // Nobody can say whether it holds: the reader must look at the source.
                Err(_)
                    if guard.is_some_and(|guard| {
                        guard.break_off();
                        true
                    }) =>
                {
                    return Err(ReadError::Outdated);
                }
                Err(error) => {
                    // An unsaved newer version may exist: better the saved one than none, but nothing may be written on top of it.
                    warn!(%error, "Redis is away: a read goes to PostgreSQL");
                    return Ok(load().await?.map_or_else(|| Found::Absent(Absence::unproven()), Found::Row));
                }
            };
            cache::record_lookup(false);
            let flown = self
                .flights
                .join(if on(Mechanism::SingleFlight) { value_key.clone() } else { Uuid::now_v7().to_string() }, || async {
                    let Some(row) = load().await.map_err(ReadError::Store)? else {
                        return Ok(Arc::new(Loaded { bytes: None, settled: settled.clone() }));
                    };
                    let encoded = codec::encode(&row, self.settings.codec, number(row.version()), [0; 8], 0);
                    let bytes = encoded.map_err(|error| StoreError::from(sqlx::Error::Encode(error.into())))?.with_sequence(0);
                    Ok::<_, ReadError>(Arc::new(Loaded { bytes: Some(bytes), settled: settled.clone() }))
                })
                .await;
            let loaded = flown?;
            let Some(bytes) = &loaded.bytes else {
                return Ok(Found::Absent(Absence { settled: loaded.settled.clone() }));
            };
            let ttl = i64::try_from(self.settings.saved_ttl.as_millis()).unwrap_or(i64::MAX);
            let arguments: Vec<Value> = vec![loaded.settled.clone().into(), Value::Bytes(bytes.clone().into()), ttl.into()];
            let filled: Result<String, RedisError> =
                self.fill.evalsha_with_reload(&near(&self.redis), vec![value_key.clone(), settled_key.clone()], arguments).await;
            match filled.as_deref() {
                Ok("FILLED") | Err(_) => return Ok(self.of_school(bytes, school)?),
                // Written or saved meanwhile: look again.
                Ok(_) => {}
            }
        }
        Err(ReadError::Unsettled)
    }

    /// Those of these rows that Redis has, in the order of `ids`, in one round trip: for who needs many at once. What is not there is saved, if it was ever written. None is
    /// there while Redis is away, and in write-through mode.
    pub async fn present<T: Buffered>(&self, school: SchoolId, ids: &[Uuid]) -> Result<Vec<Option<T>>, ReadError> {
        let none = || ids.iter().map(|_| None).collect();
        if ids.is_empty() || self.settings.mode == WriteMode::Through || !on(Mechanism::ReadsAskRedis) {
            return Ok(none());
        }
        let partition = Partition::of(school);
        let keys: Vec<String> = ids.iter().map(|id| key::value(T::ENTITY, partition, id)).collect();
        let values: Result<Vec<Option<Vec<u8>>>, RedisError> =
            near(&self.redis).mget(keys).instrument(redis_span("present", T::SERVICE)).await;
        match values {
            Ok(values) => {
                let read = |bytes: Option<Vec<u8>>| bytes.map_or(Ok(None), |bytes| Ok(self.of_school(&bytes, school)?.row()));
                values.into_iter().map(read).collect()
            }
            Err(error) => {
                warn!(%error, "Redis is away: rows are looked for in PostgreSQL");
                Ok(none())
            }
        }
    }

    /// A value is found by its id; it is shown to its own school only.
    #[allow(clippy::unused_self)]
    fn of_school<T: Buffered>(&self, bytes: &[u8], school: SchoolId) -> Result<Found<T>, codec::DecodeError> {
        let (_, row) = codec::decode::<T>(bytes)?;
        Ok(if row.school() == school || !on(Mechanism::SchoolCheckOnRead) { Found::Row(row) } else { Found::Absent(Absence::unproven()) })
    }

    /// The unsaved rows of one list, by id. Read them before PostgreSQL is asked for the saved ones: a row that is saved in between is then in both, never in neither.
    pub async fn unsaved<T: Buffered>(&self, school: SchoolId, scope: &str) -> Result<HashMap<Uuid, T>, ReadError> {
        self.unsaved_many(school, &[scope]).await
    }

    /// The unsaved rows of several lists, by id, in two round trips however many lists there are.
    pub async fn unsaved_many<T: Buffered>(
        &self,
        school: SchoolId,
        scopes: &[impl AsRef<str> + Sync],
    ) -> Result<HashMap<Uuid, T>, ReadError> {
        if self.settings.mode == WriteMode::Through || scopes.is_empty() || !on(Mechanism::ListsMergeUnsaved) {
            return Ok(HashMap::new());
        }
        let partition = Partition::of(school);
        let lists: Vec<String> = scopes.iter().map(|scope| key::unsaved(T::ENTITY, partition, scope.as_ref())).collect();
        let redis = near(&self.redis);
        let members: Result<Vec<Value>, RedisError> = redis.sunion(lists).instrument(redis_span("unsaved", T::SERVICE)).await;
        let ids: Vec<Uuid> = match members {
            Ok(members) => members.iter().filter_map(|id| Uuid::from_slice(id.as_bytes()?).ok()).collect(),
            Err(error) => {
                warn!(%error, "Redis is away: a list shows saved rows only");
                return Ok(HashMap::new());
            }
        };
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<String> = ids.iter().map(|id| key::value(T::ENTITY, partition, id)).collect();
        let values: Result<Vec<Value>, RedisError> = redis.mget(keys).await;
        let mut rows = HashMap::with_capacity(ids.len());
        for value in values.unwrap_or_default() {
            let Some(bytes) = value.as_bytes() else { continue };
            let (_, row) = codec::decode::<T>(bytes)?;
            if row.school() == school || !on(Mechanism::SchoolCheckOnRead) {
                rows.insert(row.id(), row);
            }
        }
        Ok(rows)
    }

    /// Waits until PostgreSQL has every write that `service` acknowledged for `school` so far; false if that takes longer than `patience`.
    /// For readers that need SQL, such as a report.
    pub async fn wait_until_saved(&self, service: ServiceName, school: SchoolId, patience: Duration) -> Result<bool, WriteError> {
        let partition = Partition::of(school);
        let away = |error: RedisError| WriteError::Unavailable(error.to_string());
        let last: Option<u64> = self.redis.get(key::sequence(service, partition)).await.map_err(away)?;
        let last = last.unwrap_or(0);
        let deadline = Instant::now() + patience;
        loop {
            let settled: Option<u64> = self.redis.get(key::settled(service, partition)).await.map_err(away)?;
            if settled.unwrap_or(0) >= last || !on(Mechanism::ReportsWait) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A step in Redis, as it shows in a trace.
fn redis_span(operation: &'static str, service: ServiceName) -> tracing::Span {
    info_span!("redis", otel.kind = "client", db.system.name = "redis", db.operation.name = operation, service = service.as_str())
}

fn number(version: Version) -> u32 {
    u32::try_from(version.get()).unwrap_or_default()
}

fn bytes(slice: &[u8]) -> Value {
    Value::Bytes(slice.to_vec().into())
}

fn integer(number: impl TryInto<i64>) -> Value {
    number.try_into().unwrap_or(i64::MAX).into()
}

fn event_body(event: &EventEnvelope) -> Result<String, WriteError> {
    serde_json::to_string(event).map_err(|error| WriteError::Corrupt(format!("an event can't be encoded: {error}")))
}
