//! `docs/guarantees.md` and `docs/invariants.md` can't rot: every test that they name exists, every mechanism is in it, and its table is that of the trials.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::mechanisms::{Expected, TRIALS};
use crate::mechanism::{Mechanism, PASSAGES};

const BEGIN: &str = "<!-- The rest is written by the test `the_table_of_mechanisms_is_that_of_the_trials`. -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    page_named("guarantees")
}

fn page_named(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("docs/{name}.md"))).unwrap()
}

/// All Rust sources below `folder`: path from there, and text.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// What stands in backquotes.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

/// As a function, or as a trial.
fn exists(sources: &str, name: &str) -> bool {
    sources.contains(&format!("fn {name}(")) || sources.contains(&format!("\n    {name}: ["))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let sources: String = ["crates", "services"].iter().flat_map(|folder| sources(&root().join(folder))).map(|(_, text)| text).collect();
    let page = page();
    let is_test = |word: &&str| word.matches('_').count() >= 4 && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let named: Vec<&str> = quoted(&page).filter(is_test).collect();
    assert!(named.len() > 100, "only {} tests are named: does this still read the page?", named.len());
    let missing: Vec<&str> = named.into_iter().filter(|name| !exists(&sources, name)).collect();
    assert!(missing.is_empty(), "docs/guarantees.md names tests that do not exist: {missing:#?}");
}

#[test]
fn every_test_and_every_rule_that_the_page_of_invariants_names_exists() {
    let sources: String = sources(&root().join("services")).into_iter().map(|(_, text)| text).collect();
    let migrations = std::fs::read_dir(root().join("crates/store/migrations")).unwrap();
    let sql: String = migrations.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let page = page_named("invariants");
    let is_name = |word: &&str| word.contains('_') && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let named: Vec<&str> = quoted(&page).filter(is_name).collect();
    assert!(named.len() > 80, "only {} are named: does this still read the page?", named.len());
    let missing: Vec<&str> = named.into_iter().filter(|name| !exists(&sources, name) && !sql.contains(name)).collect();
    assert!(missing.is_empty(), "docs/invariants.md names what does not exist: {missing:#?}");
}

#[test]
fn every_mechanism_has_a_trial_that_falls_and_a_place_on_the_page() {
    let page = page();
    let (prose, _) = page.split_once(BEGIN).expect("the page has a table of mechanisms");
    for (mechanism, _) in Mechanism::ALL {
        let falls = TRIALS.iter().any(|trial| trial.off.contains(mechanism) && matches!(trial.outcome, Expected::Falls(..)));
        assert!(falls, "no test falls without {mechanism:?}");
        assert!(quoted(prose).any(|word| word == format!("{mechanism:?}")), "docs/guarantees.md does not tell of {mechanism:?}");
    }
}

#[test]
fn every_passage_stands_where_it_is_looked_for_and_only_there() {
    let sources = sources(Path::new(env!("CARGO_MANIFEST_DIR")));
    for (mechanism, passage, _) in PASSAGES {
        let found = sources.iter().filter(|(name, _)| !name.ends_with("mechanism.rs")).map(|(_, text)| text.matches(passage).count());
        assert_eq!(found.sum::<usize>(), 1, "{mechanism:?}: {passage:?}");
    }
}

/// Mechanisms that others must keep to, or that tests only imitate.
fn elsewhere(mechanism: Mechanism) -> Option<&'static str> {
    Some(match mechanism {
        Mechanism::AppendOnlyFile | Mechanism::EvictionPolicy => "`scripts/lib/stores.sh`, `deploy/compose.yaml`",
        Mechanism::UnsavedReadFirst => "the lists in a service's `src/store`",
        Mechanism::VersionGuardOfUpsert | Mechanism::CreationGuardOfUpsert => "the upserts in a service's `src/store`",
        _ => return None,
    })
}

fn place(mechanism: Mechanism, sources: &[(String, String)]) -> String {
    if let Some(place) = elsewhere(mechanism) {
        return place.to_owned();
    }
    let asked = format!("on(Mechanism::{mechanism:?})");
    let passage = PASSAGES.iter().find(|(of, ..)| *of == mechanism).map(|(_, passage, _)| *passage);
    let here = |text: &str| text.contains(&asked) || passage.is_some_and(|passage| text.contains(passage));
    let files = sources.iter().filter(|(name, text)| name != "mechanism.rs" && here(text));
    files.map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn table() -> String {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut table = "\n| mechanism | what it does, and where | test | without it |\n|---|---|---|---|\n".to_owned();
    for (mechanism, what) in Mechanism::ALL {
        let (mut tests, mut without): (Vec<String>, Vec<String>) = Default::default();
        for trial in TRIALS.iter().filter(|trial| trial.off.contains(mechanism)) {
            let others: Vec<String> = trial.off.iter().filter(|other| *other != mechanism).map(|other| format!("`{other:?}`")).collect();
            let test = format!("`{}`", trial.test);
            if !tests.contains(&test) {
                tests.push(test);
            }
            let (name, others) = (trial.name, others.join(", "));
            without.push(match &trial.outcome {
                Expected::Falls(_, what) if others.is_empty() => format!("{what} (`{name}`)"),
                Expected::Falls(_, what) => format!("and without {others}: {what} (`{name}`)"),
                Expected::Holds(by) => format!("that still holds, by {by} (`{name}`)"),
            });
        }
        let what = what.trim().trim_end_matches('.');
        let (place, tests, without) = (place(*mechanism, &sources), tests.join(", "), without.join("; "));
        writeln!(table, "| `{mechanism:?}` | {what}: {place} | {tests} | {without} |").unwrap();
    }
    table
}

/// Written by this test when `UPDATE_GUARANTEES` is set, and compared otherwise.
#[test]
#[allow(clippy::disallowed_methods)]
fn the_table_of_mechanisms_is_that_of_the_trials() {
    let page = page();
    let (prose, committed) = page.split_once(BEGIN).expect("the page has a table of mechanisms");
    let table = table();
    if std::env::var_os("UPDATE_GUARANTEES").is_some() {
        std::fs::write(root().join("docs/guarantees.md"), format!("{prose}{BEGIN}{table}")).unwrap();
        return;
    }
    assert_eq!(committed, table, "docs/guarantees.md is out of date: run this test with UPDATE_GUARANTEES=1");
}
