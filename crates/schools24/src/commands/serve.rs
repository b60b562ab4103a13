//! `schools24 serve`

use std::process::ExitCode;

use domain::ServiceName;

use crate::fleet;

/// Which services, and whether they save their own writes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these, separated by commas: auth,homework. All ten if left out.
    #[arg(long, value_delimiter = ',')]
    services: Vec<ServiceName>,
    /// Run the batch processor here too, although only some services are served. (All ten together always do, unless `BATCH_PROCESSOR_ENABLED` is false.)
    #[arg(long)]
    drain: bool,
}

/// Serves until told to stop.
pub(crate) fn run(args: &Args) -> ExitCode {
    match fleet::config() {
        Ok(mut config) => {
            config.batch.enabled &= args.services.is_empty() || args.drain;
            service_kit::run(config, &fleet::named(&args.services))
        }
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "schools24: {error:#}");
            // EX_CONFIG
            ExitCode::from(78)
        }
    }
}
