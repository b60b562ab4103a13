//! `schools24 dead-letters`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use domain::DeadLetterId;
use write_behind::dead_letters::DeadLetters;

use crate::fleet::{self, say};

/// What to do with them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the open ones, oldest first, a line each.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Shows one as JSON, with the row that could not be saved and why.
    Show {
        /// Its id.
        id: DeadLetterId,
    },
    /// Saves one after all, as it was, or corrected.
    Replay {
        /// Its id.
        id: DeadLetterId,
        /// A JSON file with the corrected row; `-` reads standard input. Id and school stay as they are.
        #[arg(long)]
        with: Option<PathBuf>,
    },
    /// Gives one up: what was acknowledged is then lost, and disappears from reads.
    Discard {
        /// Its id.
        id: DeadLetterId,
    },
}

/// Who decided, for the record.
const OPERATOR: &str = "schools24 dead-letters";

/// Runs the action.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let platform = fleet::platform_with_redis().await?;
    let letters = DeadLetters::new(platform.batch_postgres().clone(), platform.redis().clone(), fleet::drains());
    match args.action {
        Action::List { limit } => {
            let open = letters.list(limit).await?;
            for letter in &open {
                let version = letter.version.unwrap_or_default();
                say(format_args!(
                    "{}  {}  {} {} v{version}  {}",
                    letter.id,
                    letter.created_at.to_rfc3339(),
                    letter.entity,
                    letter.row_id,
                    letter.reason
                ));
            }
            say(format_args!("{} open.", open.len()));
        }
        Action::Show { id } => say(serde_json::to_string_pretty(&letters.show(id).await?)?),
        Action::Replay { id, with } => {
            let corrected = with.as_deref().map(read_json).transpose()?;
            letters.replay(id, corrected, OPERATOR).await?;
            say(format_args!("{id} is saved."));
        }
        Action::Discard { id } => {
            letters.discard(id, OPERATOR).await?;
            say(format_args!("{id} is given up."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read_json(path: &Path) -> anyhow::Result<serde_json::Value> {
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())?
    };
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}
