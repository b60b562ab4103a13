//! The ten services, and what the commands share.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use domain::ServiceName;
use service_kit::{Config, Platform, Service};
use write_behind::Drain;

/// All of them, in the order of [`ServiceName::ALL`].
pub(crate) const SERVICES: &[Service] = &[
    auth::SERVICE,
    dashboard::SERVICE,
    quiz::SERVICE,
    homework::SERVICE,
    attendance::SERVICE,
    fee::SERVICE,
    inventory::SERVICE,
    bus_route::SERVICE,
    calendar::SERVICE,
    report::SERVICE,
];

/// Those with the given names; all if there are none.
pub(crate) fn named(names: &[ServiceName]) -> Vec<Service> {
    SERVICES.iter().filter(|service| names.is_empty() || names.contains(&service.name)).copied().collect()
}

/// The drain handlers of all services.
pub(crate) fn drains() -> Vec<Arc<dyn Drain>> {
    SERVICES.iter().flat_map(|service| (service.drains)()).collect()
}

/// The configuration; every fault in it, one a line.
pub(crate) fn config() -> anyhow::Result<Config> {
    Config::from_environment().map_err(|faults| {
        let lines: Vec<String> = faults.0.iter().map(|fault| format!("{} {}", fault.name, fault.reason)).collect();
        anyhow!("the configuration is not right:\n  {}", lines.join("\n  "))
    })
}

/// A platform for a command that runs and ends.
pub(crate) async fn platform() -> anyhow::Result<Platform> {
    let platform = Platform::connect(config()?, SERVICES).await?;
    Ok(platform)
}

/// A platform whose Redis answers: for commands that are about what Redis holds.
pub(crate) async fn platform_with_redis() -> anyhow::Result<Platform> {
    let platform = platform().await?;
    service_kit::wait_for_redis(&platform, std::time::Duration::from_secs(10)).await.context("Redis does not answer")?;
    Ok(platform)
}

/// Runs a command to its end.
pub(crate) fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

/// Writes a line to standard output. A reader that has gone away (`| head`) is no failure.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
