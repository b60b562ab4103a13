//! What both stores say of the log, once everything is saved.

use super::Verdict;
use super::rows::Chains;

pub(super) fn check(verdict: &mut Verdict<'_>, chains: &Chains) {
    let evidence = verdict.case.evidence;
    for late in &evidence.late {
        verdict.broken("late", late.clone());
    }
    for books in &evidence.books {
        if let Some(reason) = &books.halted {
            verdict.broken("halted", format!("partition {} stands still: {reason}", books.partition));
        }
        if books.watermark != books.sequence || books.settled != books.sequence || books.waiting > 0 {
            verdict.broken("books", format!("the stores disagree: {books:?}"));
        }
    }
    let buried = |row| evidence.letters.iter().any(|letter| letter.row == row);
    for row in evidence.unsaved.iter().filter(|row| chains.get(**row).is_some() && !buried(**row)) {
        verdict.broken("unsaved", format!("{row} is saved, and a list of unsaved rows still names it"));
    }
    for row in evidence.unexpiring.iter().filter(|row| chains.get(**row).is_some() && !buried(**row)) {
        verdict.broken("unsaved", format!("{row} is saved, and would stay in Redis for ever"));
    }
}
