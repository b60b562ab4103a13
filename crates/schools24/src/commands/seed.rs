//! `schools24 seed`

use std::process::ExitCode;

use crate::fleet::{self, say};

/// Seeds the demo schools and shows the logins.
pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    let platform = fleet::platform_with_redis().await?;
    say(demo::seed(&platform).await?);
    Ok(ExitCode::SUCCESS)
}
