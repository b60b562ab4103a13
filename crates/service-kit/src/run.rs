//! A service's `main`.

use std::io::Write;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::config::Config;
use crate::platform::Platform;
use crate::serve::{ServeOptions, serve};
use crate::service::{Service, process_name};
use crate::telemetry;

/// Runs `services` until SIGTERM or SIGINT. Wrong configuration is told on standard error, one line each, and ends with exit code 78 (`EX_CONFIG`) before
/// anything starts.
#[must_use]
pub fn main(services: &'static [Service]) -> ExitCode {
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(faults) => {
            for fault in faults.0 {
                let _ = writeln!(std::io::stderr(), "configuration: {} {}", fault.name, fault.reason);
            }
            return ExitCode::from(78);
        }
    };
    run(config, services)
}

/// Like [`main`], with a configuration at hand.
#[must_use]
pub fn run(config: Config, services: &[Service]) -> ExitCode {
    // Two providers may be linked; without a choice the first TLS connection would panic. A second call finds it made.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let telemetry = telemetry::init(&config.telemetry, process_name(services));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(until_told(config, services));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = format!("{error:#}"), "can't serve");
            ExitCode::FAILURE
        }
    };
    telemetry.shutdown();
    code
}

async fn until_told(config: Config, services: &[Service]) -> anyhow::Result<()> {
    // Before anything else, so that no signal falls into a gap.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let platform = Platform::connect(config, services).await?;
    let running = serve(platform, services, ServeOptions::default()).await?;
    tokio::select! { _ = terminate.recv() => info!("SIGTERM: stopping"), _ = interrupt.recv() => info!("SIGINT: stopping") }
    running.stop().await;
    info!("stopped");
    Ok(())
}
