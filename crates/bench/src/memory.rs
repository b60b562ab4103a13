//! `bench memory`: what rows take in Redis, in Redis's own accounting, in the plan's form and in ours, and how long their encoding takes.
//!
//! The rows are made from a corpus that no dictionary has seen (`corpus/measured.txt`), the same in every run. The server is a fresh one, without
//! persistence, and holds one form at a time. Memory does not depend on what else the machine does; the times do.

pub(crate) mod corpus;
mod forms;
mod rows;
mod server;
mod speed;

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context;
use fred::types::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::corpus::{Corpus, MEASURED};
use self::forms::{Aside, Form, Item};
use self::rows::{Profile, School};
use self::server::Server;
use self::speed::Speed;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Homework and quiz submissions; registers are a tenth of that.
    #[arg(long, default_value_t = 10_000)]
    rows: usize,
    /// How often encoding and decoding are timed.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seed of the rows.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Rows of one kind.
struct Set {
    title: String,
    items: Vec<Item>,
    speeds: Vec<Speed>,
}

/// What a form takes for each row, in bytes.
struct Cost {
    value: f64,
    usage: f64,
    used: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let text = runtime.block_on(measure(args))?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

async fn measure(args: &Args) -> anyhow::Result<String> {
    let server = Server::start().await?;
    let report: String = server.call("INFO", &["all"]).await?;
    let field = |name: &str| report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("?").trim().to_owned();
    let mut text = format!(
        "Redis {}, {}. Bytes for each row: *value* is the string alone, *usage* the sum of `MEMORY USAGE` of all its keys,\n\
         *used* the growth of `used_memory` (clients' buffers not counted), which has the tables of keys in it as well.\n",
        field("redis_version"),
        field("mem_allocator")
    );
    for set in sets(args)? {
        forms_table(&server, &set, &mut text).await?;
        asides_table(&server, &set, &mut text).await?;
        speed_table(&set, &mut text)?;
    }
    Ok(text)
}

fn sets(args: &Args) -> anyhow::Result<Vec<Set>> {
    let corpus = Corpus::parse(MEASURED);
    let mut school = School::new(&corpus, args.seed);
    let few = args.rows / 10;
    let mut sets = Vec::new();
    for (profile, texts) in [(Profile::Short, "short texts"), (Profile::Long, "long texts")] {
        let rows = (0..args.rows).map(|_| school.homework(profile)).collect::<Option<Vec<_>>>().context("no homework")?;
        sets.push(set(format!("{} pieces of homework, {texts}", args.rows), &rows, Item::homework, args.rounds)?);
    }
    let rows = (0..args.rows).map(|_| school.quiz_submission()).collect::<Option<Vec<_>>>().context("no submission")?;
    sets.push(set(format!("{} quiz submissions of ten answers", args.rows), &rows, Item::quiz_submission, args.rounds)?);
    let registers = (0..few).map(|_| school.register()).collect::<Option<Vec<_>>>().context("no register")?;
    sets.push(set(format!("{few} registers of 40, one value each"), &registers, Item::register, args.rounds)?);
    let marks: Vec<_> = registers.iter().flat_map(|register| school.mark_rows(register)).collect();
    sets.push(set(format!("The {} marks of these registers, a value each", marks.len()), &marks, Item::mark, args.rounds)?);
    Ok(sets)
}

fn set<T: Serialize + DeserializeOwned>(
    title: String,
    rows: &[T],
    item: fn(&T) -> anyhow::Result<Item>,
    rounds: usize,
) -> anyhow::Result<Set> {
    let speeds = speed::measure(rows.get(..rows.len().min(2_000)).unwrap_or_default(), rounds)?;
    Ok(Set { title, items: rows.iter().map(item).collect::<anyhow::Result<_>>()?, speeds })
}

fn each(total: u64, items: usize) -> f64 {
    // Bytes of a few megabytes.
    f64::from(u32::try_from(total).unwrap_or(u32::MAX)) / f64::from(u32::try_from(items.max(1)).unwrap_or(u32::MAX))
}

async fn cost(server: &Server, items: &[Item], form: Form) -> anyhow::Result<Cost> {
    server.empty().await?;
    let before = server.used().await?;
    let (mut calls, mut keys): (Vec<_>, Vec<Value>) = (Vec::new(), Vec::new());
    for item in items {
        let (put, made) = item.put(form);
        calls.extend(put);
        keys.extend(made);
    }
    server.all(calls).await?;
    let used = server.used().await?.saturating_sub(before);
    let value: usize = items.iter().map(|item| item.len(form)).sum();
    let usage = server.usage(keys).await?;
    Ok(Cost { value: each(u64::try_from(value)?, items.len()), usage: each(usage, items.len()), used: each(used, items.len()) })
}

async fn forms_table(server: &Server, set: &Set, text: &mut String) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    for form in Form::ALL {
        costs.push((form, cost(server, &set.items, form).await?));
    }
    let used = |wanted: Form| costs.iter().find(|(form, _)| *form == wanted).map_or(f64::NAN, |(_, cost)| cost.used);
    let (json, plan) = (used(Form::Json), used(Form::Plan));
    writeln!(
        text,
        "\n#### {}\n\n| form | value | usage | used | less than JSON | less than the plan |\n|---|--:|--:|--:|--:|--:|",
        set.title
    )?;
    for (form, Cost { value, usage, used }) in &costs {
        let less = |than: f64| format!("{:.0} %", (1.0 - used / than) * 100.0);
        writeln!(text, "| {} | {value:.0} | {usage:.0} | {used:.0} | {} | {} |", form.name(), less(json), less(plan))?;
    }
    Ok(())
}

async fn asides_table(server: &Server, set: &Set, text: &mut String) -> anyhow::Result<()> {
    writeln!(text, "\n| besides | used | lives |\n|---|--:|---|")?;
    for aside in Aside::ALL {
        server.empty().await?;
        if aside == Aside::Expiry {
            server.all(set.items.iter().flat_map(|item| item.put(Form::Packed).0).collect()).await?;
        }
        let before = server.used().await?;
        server.all(set.items.iter().enumerate().flat_map(|(number, item)| aside.put(item, number)).collect()).await?;
        let used = each(server.used().await?.saturating_sub(before), set.items.len());
        writeln!(text, "| {} | {used:.0} | {} |", aside.name(), aside.lives())?;
    }
    Ok(())
}

fn speed_table(set: &Set, text: &mut String) -> anyhow::Result<()> {
    writeln!(text, "\n| from row to bytes and back, µs | encode | decode |\n|---|--:|--:|")?;
    for Speed { form, encode, decode } in &set.speeds {
        writeln!(text, "| {form} | {:.1} | {:.1} |", encode / 1_000.0, decode / 1_000.0)?;
    }
    Ok(())
}
