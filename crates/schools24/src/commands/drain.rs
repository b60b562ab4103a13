//! `schools24 drain`

use std::process::ExitCode;

use service_kit::Service;
use write_behind::{Processor, ProcessorSettings};

use crate::fleet::{self, say};

/// Once or for good.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Save what waits now, then exit: for a `CronJob`. The default.
    #[arg(long, conflicts_with = "resident")]
    once: bool,
    /// Stay and save whatever comes, about a second after it was written. Serves /health, /ready and metrics.
    #[arg(long)]
    resident: bool,
    /// Let partitions go on that stand still because Redis lost acknowledged writes. What Redis lost is then given up; what it has is saved.
    #[arg(long, conflicts_with = "resident")]
    accept_loss: bool,
}

impl Args {
    pub(crate) const fn is_resident(&self) -> bool {
        self.resident
    }
}

/// The batch processor as a process of its own.
pub(crate) fn run_resident() -> ExitCode {
    // The same services, without their routes, consumers and tasks: what is left is the batch processor and the outbox relay.
    let services: Vec<Service> =
        fleet::SERVICES.iter().map(|service| Service { drains: service.drains, ..Service::new(service.name, service.about) }).collect();
    match fleet::config() {
        Ok(mut config) => {
            config.batch.enabled = true;
            service_kit::run(config, &services)
        }
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "schools24: {error:#}");
            ExitCode::from(78)
        }
    }
}

/// Saves what waits. Exits with 1 if something could not be saved or a partition stands still.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let platform = fleet::platform_with_redis().await?;
    let config = platform.config();
    let settings = ProcessorSettings {
        workers: config.batch.workers,
        batch_size: config.batch.batch_size,
        lease: config.batch.lease,
        saved_ttl: config.write_buffer.saved_ttl,
        ..ProcessorSettings::default()
    };
    let processor = Processor::new(platform.redis().clone(), platform.batch_postgres().clone(), fleet::drains(), settings);
    if args.accept_loss {
        say(format_args!("{} partitions go on.", processor.accept_loss().await?));
    }
    let summary = processor.run_once().await?;
    let relayed = events::outbox::relay_once(platform.batch_postgres(), platform.events(), 10_000).await?;
    say(format_args!(
        "{} rows saved, {} were there already, {} went to the dead letters; {relayed} events sent.",
        summary.saved, summary.superseded, summary.dead
    ));
    let halted = processor.halted().await?;
    for (service, partition, reason) in &halted {
        say(format_args!("{service} partition {partition} stands still: {reason}"));
    }
    Ok(if halted.is_empty() && summary.dead == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
