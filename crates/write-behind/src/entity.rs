//! What can be buffered, and how it reaches its table.

use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use cache::codec::{self, DecodeError};
use domain::{SchoolId, ServiceName, Timestamp, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use store::StoreError;
use thiserror::Error;
use uuid::Uuid;

use crate::mechanism::{Mechanism, on};

/// A row that is acknowledged by Redis and reaches PostgreSQL later. Its serialised form is the after-image of the whole row.
#[async_trait]
pub trait Buffered: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The entity's name in keys: `homework`.
    const ENTITY: &'static str;
    /// The service that owns the table.
    const SERVICE: ServiceName;
    /// How long a saved row stays in Redis at most, for rows that nobody reads again; none is as long as the settings say. At least a minute: a write that is
    /// repeated because its answer was lost finds itself there.
    const KEPT: Option<Duration> = None;

    /// The row's id.
    fn id(&self) -> Uuid;
    /// The school it belongs to.
    fn school(&self) -> SchoolId;
    /// Its version.
    fn version(&self) -> Version;
    /// When it was created: tells two rows that claim the same id apart.
    fn created_at(&self) -> Timestamp;
    /// The lists that it stands in, such as `class:<id>`: a list merges the unsaved rows of its scope. Must not change between versions.
    fn scopes(&self) -> Vec<String>;
    /// Whether `other` says the same, server-made times aside: two tries of one create differ in those.
    fn same_content(&self, other: &Self) -> bool;

    /// Inserts or updates `rows`, at most one a row id, in one statement: `INSERT … SELECT FROM unnest(…) ON CONFLICT … DO UPDATE … WHERE version <`.
    /// Returns the ids that were inserted or updated.
    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError>;
    /// The stored rows with these ids, to compare those that [`Buffered::upsert`] left alone.
    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError>;
}

/// A row as it lies in Redis, named by its place in the log.
#[derive(Debug, Clone)]
pub struct Image {
    /// The row's id.
    pub id: Uuid,
    /// The whole value, header included.
    pub bytes: Vec<u8>,
}

/// What a decoded image tells without knowing its type.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The school.
    pub school: SchoolId,
    /// The version.
    pub version: Version,
    /// The lists it stands in.
    pub scopes: Vec<String>,
    /// The row as JSON, for people.
    pub json: serde_json::Value,
}

/// Why a group of rows could not be saved.
#[derive(Debug, Error)]
pub enum SaveError {
    /// PostgreSQL refused or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image can't be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// How a group of rows fared.
#[derive(Debug, Default)]
pub struct Saved {
    /// How many were inserted or updated.
    pub applied: usize,
    /// Rows that PostgreSQL already has in this or a later version.
    pub superseded: usize,
    /// Rows that stand against a different row of the same id: index into the given images, and why.
    pub clashes: Vec<(usize, String)>,
}

/// A drain handler: [`Buffered`] with its type erased, as the batch processor needs it.
#[async_trait]
pub trait Drain: Send + Sync {
    /// The entity's name in keys.
    fn entity(&self) -> &'static str;
    /// The service that owns it.
    fn service(&self) -> ServiceName;
    /// How long a saved row stays in Redis at most: see [`Buffered::KEPT`].
    fn kept(&self) -> Option<Duration> {
        None
    }
    /// An empty list of this entity's rows.
    fn rows(&self) -> Box<dyn Rows>;
    /// Reads an image, to look at it.
    fn decode(&self, bytes: &[u8]) -> Result<Decoded, DecodeError>;
    /// Turns a (corrected) JSON form back into an image.
    fn image_of_json(&self, json: serde_json::Value) -> Result<Image, String>;
    /// Saves images within the transaction of `connection`. An image that can't be read fails the whole call.
    async fn save(&self, connection: &mut PgConnection, images: &[&Image]) -> Result<Saved, SaveError> {
        let mut rows = self.rows();
        for image in images {
            rows.push(&image.bytes)?;
        }
        rows.save(connection, 0..images.len()).await
    }
}

/// Rows of one entity with their type erased: decoded once, and saved in any consecutive parts.
#[async_trait]
pub trait Rows: Send + Sync {
    /// Decodes an image and puts the row at the end; nothing happens if it can't be read.
    fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError>;
    /// The lists that the row at `index` stands in.
    fn scopes(&self, index: usize) -> Vec<String>;
    /// Saves a part within the transaction of `connection`. The indices of [`Saved`] count from the part's start.
    async fn save(&self, connection: &mut PgConnection, part: Range<usize>) -> Result<Saved, SaveError>;
}

/// The drain handler of `T`.
#[derive(Debug)]
pub struct DrainOf<T>(PhantomData<fn() -> T>);

impl<T> DrainOf<T> {
    /// The handler.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for DrainOf<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl<T: Buffered> Drain for DrainOf<T> {
    fn entity(&self) -> &'static str {
        T::ENTITY
    }

    fn service(&self) -> ServiceName {
        T::SERVICE
    }

    fn kept(&self) -> Option<Duration> {
        T::KEPT
    }

    fn rows(&self) -> Box<dyn Rows> {
        Box::new(RowsOf::<T>(Vec::new()))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let (_, row) = codec::decode::<T>(bytes)?;
        let json = serde_json::to_value(&row).unwrap_or_default();
        Ok(Decoded { school: row.school(), version: row.version(), scopes: row.scopes(), json })
    }

    fn image_of_json(&self, json: serde_json::Value) -> Result<Image, String> {
        let row: T = serde_json::from_value(json).map_err(|error| error.to_string())?;
        let version = u32::try_from(row.version().get()).unwrap_or_default();
        let encoded = codec::encode(&row, codec::Codec::Raw, version, [0; 8], 0).map_err(|error| error.to_string())?;
        Ok(Image { id: row.id(), bytes: encoded.with_sequence(0) })
    }
}

pub(crate) struct RowsOf<T>(pub(crate) Vec<T>);

#[async_trait]
impl<T: Buffered> Rows for RowsOf<T> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let (_, row) = codec::decode::<T>(bytes)?;
        self.0.push(row);
        Ok(())
    }

    fn scopes(&self, index: usize) -> Vec<String> {
        self.0.get(index).map(T::scopes).unwrap_or_default()
    }

    async fn save(&self, connection: &mut PgConnection, part: Range<usize>) -> Result<Saved, SaveError> {
        let rows = self.0.get(part).unwrap_or_default();
        let applied = T::upsert(connection, rows).await?;
        let mut saved = Saved { applied: applied.len(), ..Saved::default() };
        if applied.len() == rows.len() {
            return Ok(saved);
        }
        let applied: HashSet<Uuid> = applied.into_iter().collect();
        let left: Vec<(usize, &T)> = rows.iter().enumerate().filter(|(_, row)| !applied.contains(&row.id())).collect();
        let keys: Vec<(SchoolId, Uuid)> = left.iter().map(|(_, row)| (row.school(), row.id())).collect();
        let stored = T::stored(connection, &keys).await?;
        let stored: HashMap<(SchoolId, Uuid), T> = stored.into_iter().map(|row| ((row.school(), row.id()), row)).collect();
        for (index, row) in left {
            match stored.get(&(row.school(), row.id())) {
                Some(twin) if twin.version() > row.version() && twin.created_at() == row.created_at() => saved.superseded += 1,
                Some(twin) if twin.version() == row.version() && twin.same_content(row) && on(Mechanism::TwinsAreRecognised) => {
                    saved.superseded += 1;
                }
                _ if !on(Mechanism::ClashesAreNoticed) => saved.superseded += 1,
                Some(twin) => saved.clashes.push((
                    index,
                    format!(
                        "version {} stands against a different row of this id, version {}, in the table",
                        row.version(),
                        twin.version()
                    ),
                )),
                None => saved.clashes.push((index, "the table neither took the row nor has it".to_owned())),
            }
        }
        Ok(saved)
    }
}
