//! The entity of these tests: a note with a rule that a record can break.

use async_trait::async_trait;
use domain::{SchoolId, ServiceName, Timestamp, Version};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row};
use store::StoreError;
use uuid::Uuid;
use write_behind::Buffered;

use crate::mechanism::text;

/// `topic` points at another note; `text` must not be `poison`.
pub const TABLE: &str = "
CREATE TABLE notes (
    school_id uuid NOT NULL, id uuid NOT NULL, version integer NOT NULL, created_at timestamptz NOT NULL,
    topic uuid, text text NOT NULL CHECK (text <> 'poison'), saved_order bigserial,
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, topic) REFERENCES notes (school_id, id)
);
GRANT SELECT, INSERT, UPDATE ON notes TO schools24_batch, schools24_homework;
GRANT USAGE ON SEQUENCE notes_saved_order_seq TO schools24_batch, schools24_homework;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes USING (school_id = current_school()) WITH CHECK (school_id = current_school());
CREATE POLICY batch ON notes TO schools24_batch USING (true) WITH CHECK (true);";

const UPSERT: &str = "
INSERT INTO notes (school_id, id, version, created_at, topic, text)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[], $5::uuid[], $6::text[])
ON CONFLICT (school_id, id) DO UPDATE SET version = excluded.version, topic = excluded.topic, text = excluded.text, saved_order = excluded.saved_order
WHERE notes.version < excluded.version AND notes.created_at = excluded.created_at
RETURNING id";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub school_id: SchoolId,
    pub id: Uuid,
    pub version: Version,
    pub created_at: Timestamp,
    pub topic: Option<Uuid>,
    pub text: String,
}

impl Note {
    pub fn new(school_id: SchoolId, text: &str) -> Self {
        let created_at = domain::Clock::now(&domain::SystemClock);
        Self { school_id, id: Uuid::now_v7(), version: Version::FIRST, created_at, topic: None, text: text.to_owned() }
    }

    pub fn changed(&self, text: &str) -> Self {
        Self { version: self.version.next(), text: text.to_owned(), ..self.clone() }
    }
}

#[async_trait]
impl Buffered for Note {
    const ENTITY: &'static str = "note";
    const SERVICE: ServiceName = ServiceName::Homework;

    fn id(&self) -> Uuid {
        self.id
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        vec!["all".to_owned()]
    }
    fn same_content(&self, other: &Self) -> bool {
        self.text == other.text && self.topic == other.topic
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let schools: Vec<Uuid> = rows.iter().map(|row| row.school_id.as_uuid()).collect();
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let versions: Vec<i32> = rows.iter().map(|row| row.version.get()).collect();
        let created: Vec<Timestamp> = rows.iter().map(|row| row.created_at).collect();
        let topics: Vec<Option<Uuid>> = rows.iter().map(|row| row.topic).collect();
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let written = sqlx::query_scalar(text(UPSERT))
            .bind(&schools)
            .bind(&ids)
            .bind(&versions)
            .bind(&created)
            .bind(&topics)
            .bind(&texts)
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let ids: Vec<Uuid> = keys.iter().map(|(_, id)| *id).collect();
        let rows = sqlx::query("SELECT school_id, id, version, created_at, topic, text FROM notes WHERE id = ANY($1)")
            .bind(&ids)
            .fetch_all(connection)
            .await?;
        let note = |row: &sqlx::postgres::PgRow| {
            Ok::<_, sqlx::Error>(Self {
                school_id: SchoolId::from_uuid(row.try_get(0)?),
                id: row.try_get(1)?,
                version: Version::try_from(row.try_get::<i32, _>(2)?).unwrap(),
                created_at: row.try_get(3)?,
                topic: row.try_get(4)?,
                text: row.try_get(5)?,
            })
        };
        Ok(rows.iter().map(note).collect::<Result<_, _>>()?)
    }
}
