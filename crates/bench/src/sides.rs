//! What is compared with what: each side's figures, round by round.

use crate::figures::{Samples, latency, thousands};
use crate::load::{Report, Spec};
use crate::machine;
use crate::server::{Server, load};
use crate::stores::Stores;

/// One side of a comparison. Latencies in microseconds; processor time in microseconds a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) per_second: Samples,
    pub(crate) p50: Samples,
    pub(crate) p99: Samples,
    server: Samples,
    redis: Samples,
    postgres: Samples,
    generator: Samples,
}

impl Side {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Applies `spec` to `server` and notes the figures.
    pub(crate) async fn measure(&mut self, stores: &Stores, server: &Server, spec: &Spec) -> anyhow::Result<Report> {
        let used = || [server.cpu_seconds(), machine::cpu_seconds(stores.redis_pid), machine::family_cpu_seconds(stores.postgres_pid)];
        let before = used();
        let report = load(spec).await?;
        let [server, redis, postgres] = used();
        let [server_before, redis_before, postgres_before] = before;
        let each = |seconds: f64| seconds * 1e6 / (report.all.max(1) as f64);
        self.server.push(each(server - server_before));
        self.redis.push(each(redis - redis_before));
        self.postgres.push(each(postgres - postgres_before));
        self.generator.push(each(report.cpu));
        self.note(&report);
        Ok(report)
    }

    pub(crate) fn note(&mut self, report: &Report) {
        self.per_second.push(report.per_second());
        self.p50.push(report.p50 as f64);
        self.p99.push(report.p99 as f64);
    }

    /// The heading of [`Side::line`].
    pub(crate) const HEADING: &'static str = "\
| side | requests/s | from – to | p50 | p99 | server | Redis | PostgreSQL | generator |
|---|--:|---|--:|--:|--:|--:|--:|--:|";

    pub(crate) fn line(&self) -> String {
        let cpu = |samples: &Samples| if samples.0.is_empty() { "–".to_owned() } else { format!("{:.0} µs", samples.median()) };
        format!(
            "| {} | {} | {} – {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            thousands(self.per_second.median()),
            thousands(self.per_second.least()),
            thousands(self.per_second.most()),
            latency(self.p50.median()),
            latency(self.p99.median()),
            cpu(&self.server),
            cpu(&self.redis),
            cpu(&self.postgres),
            cpu(&self.generator),
        )
    }
}
