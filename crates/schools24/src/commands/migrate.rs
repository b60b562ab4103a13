//! `schools24 migrate`

use std::process::ExitCode;

use anyhow::Context;
use store::{Identity, Postgres, migrate};

use crate::fleet::{self, say};

/// What to do with the schema.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, clap::Subcommand)]
enum Step {
    /// Applies the migrations that are missing. The default.
    Up,
    /// Undoes the last migrations. Their tables and rows are gone afterwards.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Lists the migrations and whether they are applied. Changes nothing.
    Status,
}

/// Migrates as the owner.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = fleet::config()?;
    let owner = Postgres::connect(&config.postgres_owner, Identity::Owner);
    match args.step.unwrap_or(Step::Up) {
        Step::Up => {
            migrate::migrate_up(&owner, &config.postgres.password).await.context("PostgreSQL could not be migrated")?;
            let mongo = store::Mongo::connect(&config.mongo.uri).await.context("MONGODB_URI can't be used")?;
            mongo.ensure_collections().await.context("the collections of MongoDB could not be prepared")?;
            let applied = migrate::status(&owner).await?.len();
            say(format_args!("PostgreSQL is at migration {applied} of {applied}, MongoDB has its collections."));
        }
        Step::Down { steps } => {
            migrate::migrate_down(&owner, Some(steps)).await.context("the migrations could not be undone")?;
            say(format_args!("{steps} undone."));
        }
        Step::Status => {
            for state in migrate::status(&owner).await? {
                say(format_args!("{}  {}", if state.is_applied { "applied" } else { "missing" }, state.name));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
