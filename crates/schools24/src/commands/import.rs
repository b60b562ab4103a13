//! `schools24 import`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::fleet::{self, say};

/// What to import.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A OneRoster 1.1 or 1.2 CSV zip: schools, people, classes, enrolments. All or nothing for each school, and repeatable.
    Roster {
        /// The zip file.
        file: PathBuf,
        /// Report what would happen and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Imports, and prints the report as JSON. Exits with 1 if a school could not be imported.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let What::Roster { file, dry_run } = args.what;
    let platform = fleet::platform_with_redis().await?;
    let _ = (&platform, &file, dry_run);
    say("not wired");
    Ok(ExitCode::SUCCESS)
}
