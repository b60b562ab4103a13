//! What has no expiry in Redis, because nothing unsaved may ever be evicted, and must therefore be cleared away by hand: old events and old answers.

use cache::key;
use domain::Partition;
use fred::interfaces::{KeysInterface, LuaInterface, StreamsInterface};
use fred::types::streams::{XCapKind, XCapTrim};

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
}
