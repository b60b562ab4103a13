//! `schools24 import`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use auth::roster::{self, ImportError, ImportOptions};
use directory::Directory;
use domain::ServiceName;

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

/// Imports, and prints the report as JSON. Exits with 1 if the file has faults or a school was refused: that school is then as it was before.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let What::Roster { file, dry_run } = args.what;
    let zip = std::fs::File::open(&file).with_context(|| file.display().to_string())?;
    let platform = fleet::platform_with_redis().await?;
    let postgres = platform.postgres(ServiceName::Auth);
    let directory = Directory::new(platform.redis().clone(), postgres.clone());
    let options = ImportOptions { dry_run, ..ImportOptions::default() };
    match roster::import(postgres, &directory, zip, options).await {
        Ok(report) => {
            say(serde_json::to_string_pretty(&report)?);
            // What the import tells the other services waits in the outbox; the batch processor of a running fleet sends it too.
            events::outbox::relay_once(platform.batch_postgres(), platform.events(), 1_000).await?;
            Ok(if report.refused() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(ImportError::Unreadable(report)) => {
            say(serde_json::to_string_pretty(&report)?);
            Err(anyhow!("{}: {} faults; nothing was imported", file.display(), report.total))
        }
        Err(error) => Err(error.into()),
    }
}
