//! Damage done on purpose, behind the product's back: a harness that does not notice it would notice nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use mongodb::bson::{Document, doc};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::arena::{Arena, School};
use crate::plan::Node;

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sabotage {
    /// A row is saved a second time, under another id.
    Double,
    /// A saved row is deleted.
    DropRow,
    /// A saved row goes back to its first version.
    Rewind,
    /// A saved row says something that nobody wrote.
    Alter,
    /// An event is taken out of the activity log.
    LoseEvent,
    /// An unsaved entry is taken out of the log.
    LoseLog,
    /// Redis keeps no file, and is killed.
    RedisNoAof,
}

impl Sabotage {
    /// In this order one arena serves for all: what stops partitions comes last.
    pub(crate) const ALL: [Self; 7] =
        [Self::Double, Self::DropRow, Self::Rewind, Self::Alter, Self::LoseEvent, Self::LoseLog, Self::RedisNoAof];

    /// The rules of which at least one must be found broken.
    pub(crate) const fn breaks(self) -> &'static [&'static str] {
        match self {
            Self::Double => &["doubled"],
            Self::DropRow | Self::Rewind | Self::RedisNoAof => &["lost"],
            Self::Alter => &["content"],
            Self::LoseEvent => &["events"],
            Self::LoseLog => &["halted"],
        }
    }

    /// Before the load.
    pub(crate) async fn before(self, arena: &Arena) -> anyhow::Result<()> {
        match self {
            Self::RedisNoAof => arena.redis("CONFIG", &["SET", "appendonly", "no"]).await,
            _ => Ok(()),
        }
    }

    /// While clients write: from here on nothing is saved, so that there is something to lose.
    pub(crate) async fn during(self, arena: &Arc<Arena>) -> anyhow::Result<()> {
        if self.needs_backlog() {
            arena.pause(Node::Processor(0)).await?;
            arena.pause(Node::Processor(1)).await?;
        }
        Ok(())
    }

    const fn needs_backlog(self) -> bool {
        matches!(self, Self::LoseLog | Self::RedisNoAof)
    }

    /// When clients have stopped.
    pub(crate) async fn afterwards(self, arena: &Arena, schools: &[School]) -> anyhow::Result<()> {
        match self {
            Self::LoseLog => {
                let partition = schools.first().context("no school")?.partition();
                let gone: u64 = arena.redis("EVAL", &[LOSE, "1", &format!("write_log:homework:{partition}")]).await?;
                if gone != 1 {
                    bail!("there was nothing unsaved to lose");
                }
            }
            Self::RedisNoAof => {
                arena.kill(Node::Redis).await?;
                arena.start_node(Node::Redis).await?;
            }
            _ => {}
        }
        if self.needs_backlog() {
            arena.wake(Node::Processor(0)).await?;
            arena.wake(Node::Processor(1)).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// When everything is saved.
    pub(crate) async fn once_saved(self, arena: &Arena, schools: &[School]) -> anyhow::Result<()> {
        let school = schools.first().context("no school")?.id;
        let mut connection = arena.superuser().await?;
        let sql = match self {
            Self::Double => DOUBLE,
            Self::DropRow => DROP,
            Self::Rewind => REWIND,
            Self::Alter => ALTER,
            Self::LoseEvent => {
                let log = arena.mongo().await?.collection::<Document>("activity_logs");
                // The event may still be on its way.
                for _ in 0..200 {
                    if log.delete_one(doc! { "school_id": school.to_string() }).await?.deleted_count == 1 {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                bail!("there was no event to lose");
            }
            Self::LoseLog | Self::RedisNoAof => return Ok(()),
        };
        damage(&mut connection, &sql.replace(":school", &school.to_string())).await
    }
}

/// Past all triggers and foreign keys, and exactly one row.
async fn damage(connection: &mut PgConnection, sql: &str) -> anyhow::Result<()> {
    sqlx::raw_sql("SET session_replication_role = replica").execute(&mut *connection).await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *connection).await?;
    if done.rows_affected() != 1 {
        bail!("there was nothing to damage");
    }
    Ok(())
}

const DOUBLE: &str = "
INSERT INTO homework SELECT (jsonb_populate_record(h, jsonb_build_object('id', gen_random_uuid()))).*
FROM homework h WHERE school_id = ':school' ORDER BY created_at LIMIT 1";
const DROP: &str = "
DELETE FROM homework WHERE school_id = ':school' AND id = (SELECT id FROM homework WHERE school_id = ':school' ORDER BY created_at LIMIT 1)";
const REWIND: &str = "
UPDATE homework SET version = version - 1 WHERE school_id = ':school' AND id = (SELECT id FROM homework WHERE school_id = ':school' AND version > 1 LIMIT 1)";
const ALTER: &str = "
UPDATE homework SET description = 'as nobody says'
WHERE school_id = ':school' AND id = (SELECT id FROM homework WHERE school_id = ':school' ORDER BY created_at LIMIT 1)";

/// Takes an entry out of the middle of a log.
const LOSE: &str = "
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
if #entries < 3 then return 0 end
return redis.call('XDEL', KEYS[1], entries[math.floor(#entries / 2)][1])";
