//! What has no expiry in Redis, because nothing unsaved may ever be evicted, and must therefore be cleared away by hand: old events and old answers.

use cache::key;
use domain::Partition;
use fred::interfaces::{ClientLike, KeysInterface, LuaInterface, StreamsInterface};
use fred::types::InfoKind;
use fred::types::streams::{XCapKind, XCapTrim};

use tracing::warn;

use super::{DrainError, Processor};

impl Processor {
    /// Trims events beyond their retention, answers to operations of the day before yesterday and earlier, and idempotency keys that have expired.
    pub(super) async fn tidy(&self) -> Result<(), DrainError> {
        let (seconds, _): (i64, i64) =
            self.redis.next().eval("return redis.call('TIME')", Vec::<String>::new(), Vec::<String>::new()).await?;
        let oldest = (seconds * 1_000).saturating_sub(i64::try_from(self.settings.event_retention.as_millis()).unwrap_or(i64::MAX)).max(0);
        let today = seconds / 86_400;
        let pipeline = self.redis.next().pipeline();
        for partition in Partition::all() {
            let () = pipeline.xtrim(key::events(partition), (XCapKind::MinID, XCapTrim::AlmostExact, oldest.to_string(), None)).await?;
            for (service, _) in &self.services {
                let base = key::operations(*service, partition);
                for age in 2..9 {
                    let () = pipeline.unlink(format!("{base}{}", today - age)).await?;
                }
            }
        }
        let _: Vec<i64> = pipeline.all().await?;
        let mut transaction = self.postgres.platform().await?;
        sqlx::raw_sql("DELETE FROM idempotency_keys WHERE expires_at < now()").execute(transaction.connection()?).await?;
        Ok(transaction.commit().await?)
    }

    /// Says so if Redis is not set up to keep what was acknowledged. Managed servers hide their settings, so this looks at what they report.
    pub(super) async fn examine_redis(&self) {
        let report: String = self.redis.next().info(Some(InfoKind::All)).await.unwrap_or_default();
        let value = |name: &str| report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        if value("aof_enabled") == Some("0") {
            warn!(
                "Redis keeps no append-only file: a write that was acknowledged is lost when it is killed (set appendonly yes, appendfsync always)"
            );
        }
        let policy = value("maxmemory_policy").unwrap_or_default();
        if policy.starts_with("allkeys") {
            warn!(policy, "Redis may evict writes that are not saved yet (set maxmemory-policy volatile-lru)");
        }
    }
}
