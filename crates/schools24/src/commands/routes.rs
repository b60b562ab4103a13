//! `schools24 routes`

use std::path::PathBuf;
use std::process::ExitCode;

use service_kit::routing;

use super::generated::{Mode, settle};
use crate::fleet::{self, say};

/// In which form.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    mode: Mode,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// A line each.
    Text,
    /// A JSON array, in the order in which the patterns are to be tried.
    Json,
}

/// Prints the table, or writes or checks the committed one.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let table = routing::table(fleet::SERVICES);
    let json = format!("{}\n", serde_json::to_string_pretty(&table)?);
    if args.mode.is_files() {
        return settle(&args.mode, vec![(PathBuf::from("deploy/routes.json"), json)]);
    }
    match args.format {
        Format::Json => say(json.trim_end()),
        Format::Text => table.iter().for_each(|route| say(format_args!("{:<12} {}", route.service.as_str(), route.pattern))),
    }
    Ok(ExitCode::SUCCESS)
}
