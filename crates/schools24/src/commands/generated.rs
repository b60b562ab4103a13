//! Files that are generated from the code and committed: written on request, checked in CI.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::fleet::say;

/// Print, write or check.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Mode {
    /// Write the committed files anew.
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Exit with 1 if a committed file is not what the code says.
    #[arg(long)]
    check: bool,
}

impl Mode {
    pub(crate) const fn is_files(&self) -> bool {
        self.write || self.check
    }
}

/// Writes or checks `files`, whose paths are relative to the root of the repository.
pub(crate) fn settle(mode: &Mode, files: Vec<(PathBuf, String)>) -> anyhow::Result<ExitCode> {
    let mut stale = 0;
    for (path, text) in files {
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed == text {
            continue;
        }
        if mode.write {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            say(format_args!("written: {}", path.display()));
        } else {
            stale += 1;
            let line = committed.lines().zip(text.lines()).position(|(old, new)| old != new).map_or(1, |line| line + 1);
            say(format_args!("out of date from line {line}: {}", path.display()));
        }
    }
    Ok(if stale == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
