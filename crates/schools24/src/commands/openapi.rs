//! `schools24 openapi`

use std::path::Path;
use std::process::ExitCode;

use domain::ServiceName;
use service_kit::openapi;

use super::generated::{Mode, settle};
use crate::fleet::{self, say};

/// Which document, and what to do with it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The document of this service; that of the fleet if left out.
    #[arg(long)]
    service: Option<ServiceName>,
    #[command(flatten)]
    mode: Mode,
}

/// Prints a document, or writes or checks all of them.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !args.mode.is_files() {
        let names: Vec<ServiceName> = args.service.into_iter().collect();
        say(openapi::to_text(&openapi::document(&fleet::named(&names))).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let folder = Path::new("docs/openapi");
    let mut files = vec![(folder.join("schools24.json"), openapi::to_text(&openapi::document(fleet::SERVICES)))];
    for service in fleet::SERVICES {
        files.push((folder.join(format!("{}.json", service.name)), openapi::to_text(&openapi::document(&[*service]))));
    }
    settle(&args.mode, files)
}
