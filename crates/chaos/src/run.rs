//! A run: an arena, and rounds in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::arena::{Arena, Ground};
use crate::plan::{Plan, round_seed};
use crate::report::{Summary, line};
use crate::round::{Marks, Played, play};
use crate::sabotage::Sabotage;

/// Attacks what docs/guarantees.md promises. Start it through `scripts/chaos`, which brings the stores.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Args {
    /// How many rounds.
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// The seed of the run, which is that of its first round; a new one each time unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds of load in a round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only these faults, by name.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// Damage something on purpose, in one round without faults: must fail.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Damage everything on purpose, a round each: succeeds if every single one is noticed.
    #[arg(long, conflicts_with_all = ["sabotage", "faults", "rounds"])]
    prove: bool,
    /// Where failed rounds are kept.
    #[arg(long)]
    failures: PathBuf,
    #[command(flatten)]
    ground: Ground,
}

/// Whether all is well.
pub(crate) fn run(args: Args) -> anyhow::Result<bool> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        bail!("a TLS provider is there already");
    }
    if let Some(unknown) = args.faults.iter().find(|name| !Plan::names().any(|known| known == *name)) {
        bail!("there is no fault called {unknown}; there are: {}", Plan::names().collect::<Vec<_>>().join(", "));
    }
    if !(0.5..=600.0).contains(&args.seconds) {
        bail!("--seconds goes from 0.5 to 600");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(rounds(args))
}

fn say(text: impl std::fmt::Display) {
    // Nobody may be listening any more; the rounds go on.
    let _ = writeln!(std::io::stdout(), "{text}");
}

async fn rounds(args: Args) -> anyhow::Result<bool> {
    let arena = Arc::new(Arena::start(&args.ground).await.context("the arena can't be made")?);
    let seed = args.seed.unwrap_or_else(|| rand::random_range(0..1 << 40));
    // At most 600 000.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let load = (args.seconds * 1_000.0) as u64;
    if args.prove {
        return prove(&arena, &args, seed, load).await;
    }
    let mut summary = Summary::default();
    let rounds = if args.sabotage.is_some() { 1 } else { args.rounds };
    for round in 0..rounds {
        let seed = round_seed(seed, round);
        let plan = match args.sabotage {
            Some(_) => Plan { seed, load, poison: false, faults: Vec::new() },
            None => Plan::draw(seed, load, &args.faults),
        };
        let played = one(&arena, plan, args.sabotage, &args.failures, round).await?;
        if !played.violations.is_empty() {
            say(format_args!("      replay it with: scripts/chaos --rounds 1 --seed {seed}{}", options(&args)));
        }
        summary.add(&played);
    }
    say(&summary);
    if !summary.is_clean() {
        let seeds: Vec<String> = summary.failed().iter().map(ToString::to_string).collect();
        say(format_args!("failed: {}", seeds.join(", ")));
    }
    Ok(summary.is_clean())
}

/// What a replay needs besides the seed.
fn options(args: &Args) -> String {
    use std::fmt::Write;
    let mut options = String::new();
    if (args.seconds - 3.0).abs() > f64::EPSILON {
        let _ = write!(options, " --seconds {}", args.seconds);
    }
    if !args.faults.is_empty() {
        let _ = write!(options, " --faults {}", args.faults.join(","));
    }
    if let Some(name) = args.sabotage.and_then(|sabotage| clap::ValueEnum::to_possible_value(&sabotage)) {
        let _ = write!(options, " --sabotage {}", name.get_name());
    }
    options
}

async fn one(arena: &Arc<Arena>, plan: Plan, sabotage: Option<Sabotage>, failures: &Path, number: u64) -> anyhow::Result<Played> {
    let folder = failures.join(format!("seed-{}", plan.seed));
    let marks = Marks::set(arena);
    let played = match play(arena, plan, sabotage, &folder).await {
        Ok(played) => played,
        Err(error) => {
            let _ = marks.copy(&folder);
            return Err(error.context(format!("round {number}; its files are in {}", folder.display())));
        }
    };
    say(line(number, &played));
    if played.violations.is_empty() {
        std::fs::remove_dir_all(&folder)?;
        return Ok(played);
    }
    played.keep(&folder, &marks)?;
    for violation in played.violations.iter().take(12) {
        say(format_args!("      {}: {}", violation.rule, violation.about));
    }
    say(format_args!("      kept in {}", folder.display()));
    Ok(played)
}

/// Every sabotage must be noticed, and by a rule that is about it.
async fn prove(arena: &Arc<Arena>, args: &Args, seed: u64, load: u64) -> anyhow::Result<bool> {
    let mut noticed_all = true;
    for (number, sabotage) in (0..).zip(Sabotage::ALL) {
        let plan = Plan { seed: round_seed(seed, number), load, poison: false, faults: Vec::new() };
        let seed = plan.seed;
        let folder = args.failures.join(format!("seed-{seed}"));
        let played = play(arena, plan, Some(sabotage), &folder).await?;
        let rules: std::collections::BTreeSet<&str> = played.violations.iter().map(|violation| violation.rule).collect();
        let noticed = sabotage.breaks().iter().any(|rule| rules.contains(rule));
        noticed_all &= noticed;
        let name = clap::ValueEnum::to_possible_value(&sabotage).map(|value| value.get_name().to_owned()).unwrap_or_default();
        let rules: Vec<&str> = rules.into_iter().collect();
        say(format_args!(
            "{}  {name}: {} operations, {} violations of: {}",
            if noticed { "noticed " } else { "OVERLOOKED" },
            played.operations.len(),
            played.violations.len(),
            rules.join(", ")
        ));
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(noticed_all)
}
