//! What every test stands on: a database, a Redis server, a school, a buffer and batch processors.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use domain::{Partition, SchoolId, ServiceName, SystemClock};
use fred::clients::Pool;
use fred::interfaces::KeysInterface;
use sqlx::PgConnection;
use store::{Identity, Postgres, StoreError};
use testkit::{RedisServer, TestDatabase};
use uuid::Uuid;
use write_behind::{
    BufferSettings, Drain, DrainOf, Found, Operation, Processor, ProcessorSettings, ReadError, WriteBuffer, WriteError, Written,
};

use crate::note::{Note, TABLE};

pub struct Stage {
    pub database: TestDatabase,
    pub redis: RedisServer,
    pub pool: Pool,
    pub postgres: Postgres,
    pub buffer: WriteBuffer,
    pub school: SchoolId,
}

impl Stage {
    pub async fn set() -> Self {
        Self::with(TestDatabase::create().await, RedisServer::start().await, BufferSettings::default()).await
    }

    pub async fn with(database: TestDatabase, redis: RedisServer, settings: BufferSettings) -> Self {
        let mut superuser = database.superuser().await;
        sqlx::raw_sql(TABLE).execute(&mut superuser).await.unwrap();
        let pool = redis.pool(4).await;
        let postgres = database.connect(Identity::Service(ServiceName::Homework));
        let buffer = WriteBuffer::new(pool.clone(), settings, Arc::new(SystemClock));
        let stage = Self { database, redis, pool, postgres, buffer, school: SchoolId::generate() };
        stage.found_school(stage.school).await;
        stage
    }

    pub async fn found_school(&self, school: SchoolId) {
        sqlx::query("INSERT INTO schools (id, name, code) VALUES ($1, 'A school', $2)")
            .bind(school.as_uuid())
            .bind(school.as_uuid().simple().to_string())
            .execute(&mut self.database.superuser().await)
            .await
            .unwrap();
    }

    /// The buffer as another pod of the service has it.
    pub fn other_pod(&self) -> WriteBuffer {
        WriteBuffer::new(self.pool.clone(), BufferSettings::default(), Arc::new(SystemClock))
    }

    pub fn settings() -> ProcessorSettings {
        ProcessorSettings {
            interval: Duration::from_millis(20),
            lease: Duration::from_secs(2),
            batch_size: 500,
            ..ProcessorSettings::default()
        }
    }

    pub fn processor(&self) -> Processor {
        self.processor_with(Self::settings())
    }

    pub fn processor_with(&self, settings: ProcessorSettings) -> Processor {
        Processor::new(self.pool.clone(), self.database.connect(Identity::Batch), drains(), settings)
    }

    pub async fn create(&self, note: &Note) -> Result<Written, WriteError> {
        self.buffer.write(&self.postgres, Operation::new(note.school_id, ServiceName::Homework).create(note)).await
    }

    pub async fn update(&self, note: &Note, text: &str) -> Result<Note, WriteError> {
        let changed = note.changed(text);
        self.buffer.write(&self.postgres, Operation::new(note.school_id, ServiceName::Homework).update(&changed, note.version)).await?;
        Ok(changed)
    }

    pub async fn find(&self, school: SchoolId, id: Uuid) -> Result<Option<Note>, ReadError> {
        let found: Found<Note> = self.buffer.find(school, id, || self.load(school, id)).await?;
        Ok(found.row())
    }

    pub async fn load(&self, school: SchoolId, id: Uuid) -> Result<Option<Note>, StoreError> {
        let mut transaction = self.postgres.school_read(school).await?;
        Ok(<Note as write_behind::Buffered>::stored(transaction.connection()?, &[(school, id)]).await?.pop())
    }

    /// The table, past all caches, in the order in which rows were last saved.
    pub async fn table(&self) -> Vec<(Uuid, i32, String)> {
        sqlx::query_as("SELECT id, version, text FROM notes ORDER BY saved_order").fetch_all(&mut self.superuser().await).await.unwrap()
    }

    /// What the table has of `ids`, as a service reads it.
    pub async fn saved(&self, ids: &[Uuid]) -> Vec<Note> {
        let mut transaction = self.postgres.school_read(self.school).await.unwrap();
        let keys: Vec<(SchoolId, Uuid)> = ids.iter().map(|id| (self.school, *id)).collect();
        <Note as write_behind::Buffered>::stored(transaction.connection().unwrap(), &keys).await.unwrap()
    }

    /// The ids of the stage's school's unsaved notes.
    pub async fn unsaved(&self) -> HashSet<Uuid> {
        self.buffer.unsaved::<Note>(self.school, "all").await.unwrap().into_keys().collect()
    }

    pub fn partition(&self) -> Partition {
        Partition::of(self.school)
    }

    /// The key under which a note of the stage's school lies in Redis.
    pub fn key(&self, id: Uuid) -> String {
        cache::key::value("note", self.partition(), id)
    }

    /// Takes a note out of Redis, as Redis does by itself with what is saved.
    pub async fn evict(&self, id: Uuid) {
        let () = self.pool.del(self.key(id)).await.unwrap();
    }

    /// Ends all leases, as if their holders had stood still for longer than that.
    pub async fn expire_leases(&self) {
        self.execute("UPDATE drain_watermarks SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL").await;
    }

    pub async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&mut self.superuser().await).await.unwrap();
    }

    pub async fn dead(&self) -> i64 {
        self.count("SELECT count(*) FROM dead_letters").await
    }

    pub async fn superuser(&self) -> PgConnection {
        self.database.superuser().await
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.superuser().await).await.unwrap()
    }
}

/// A processor's settings that give up at the first trouble.
pub fn impatient() -> ProcessorSettings {
    ProcessorSettings { retries: 0, ..Stage::settings() }
}

pub fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<Note>::new())]
}
