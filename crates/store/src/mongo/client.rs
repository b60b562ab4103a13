//! The connection, and the collections' set-up.

use std::fmt::{self, Debug};
use std::time::Duration;

use domain::SchoolId;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Database};
use secrecy::{ExposeSecret, SecretString};

use super::error::code;
use super::{CollectionName, MongoError, SchoolCollection};

/// Used when the URI names no database.
const DEFAULT_DATABASE: &str = "schools24";

/// The server's "namespace exists".
const NAMESPACE_EXISTS: i32 = 48;

/// MongoDB. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Mongo {
    database: Database,
}

impl Mongo {
    /// A client that connects when it is first needed. Fails only on a URI that can't be understood (or, for
    /// `mongodb+srv`, resolved). The database is the one that the URI names, otherwise `schools24`.
    pub async fn connect(uri: &SecretString) -> Result<Self, MongoError> {
        let mut options = ClientOptions::parse(uri.expose_secret()).await?;
        options.app_name.get_or_insert_with(|| "schools24".to_owned());
        options.server_selection_timeout.get_or_insert(Duration::from_secs(3));
        options.connect_timeout.get_or_insert(Duration::from_secs(3));
        // Acknowledged means in the journal, on a majority where there are several.
        options.write_concern.get_or_insert_with(|| {
            let mut concern = WriteConcern::majority();
            concern.journal = Some(true);
            concern
        });
        let database = options.default_database.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        let client = Client::with_options(options)?;
        Ok(Self { database: client.database(&database) })
    }

    /// One school's part of a collection.
    #[must_use]
    pub fn school<T>(&self, name: CollectionName, school: SchoolId) -> SchoolCollection<T> {
        SchoolCollection::new(self.database.collection(name.as_str()), name, school)
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), MongoError> {
        self.database.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }

    /// Makes the five collections, or brings their validators up to date, and makes the indexes that are missing. Safe to repeat, and
    /// to run from several places at once.
    pub async fn ensure_collections(&self) -> Result<(), MongoError> {
        for name in CollectionName::ALL {
            self.ensure_collection(*name).await?;
        }
        Ok(())
    }

    async fn ensure_collection(&self, name: CollectionName) -> Result<(), MongoError> {
        let rules = |command: &str| {
            doc! {
                command: name.as_str(),
                "validator": { "$jsonSchema": name.schema() },
                "validationLevel": "strict",
                "validationAction": "error",
            }
        };
        match self.database.run_command(rules("create")).await {
            Ok(_) => {}
            Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => {
                self.database.run_command(rules("collMod")).await?;
            }
            Err(error) => return Err(error.into()),
        }
        self.database.collection::<Document>(name.as_str()).create_indexes(name.indexes()).await?;
        Ok(())
    }

    /// Drops the whole database: for tests, which make one each.
    pub async fn drop_database(&self) -> Result<(), MongoError> {
        Ok(self.database.drop().await?)
    }

    /// The database itself, past the school's fence: for set-up and for tests that check the fence.
    #[must_use]
    pub const fn unscoped(&self) -> &Database {
        &self.database
    }
}

impl Debug for Mongo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mongo").field("database", &self.database.name()).finish_non_exhaustive()
    }
}
