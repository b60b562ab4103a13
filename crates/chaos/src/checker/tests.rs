//! Histories made by hand. Each begins as a good one, which the checker must accept, and is spoilt in one way, which it must name.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Case, Checked, Violation, check};
use crate::evidence::{Act, Activity, Books, Commit, Evidence, Letter, Saved, Shown};
use crate::faults::{Effect, Window};
use crate::history::{Answered, Entity, Micros, Operation, Outcome, Seen, State, Try, What};

const SCHOOL: Uuid = Uuid::from_u128(0x5c);

struct Story {
    operations: Vec<Operation>,
    windows: Vec<Window>,
    evidence: Evidence,
    now: Micros,
}

fn row(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn homework(token: &str, title: &str) -> State {
    let body = json!({"instructions": token, "title": title, "description": "first", "status": "draft"});
    Entity::Homework.state(&body)
}

fn sets(fields: &Value) -> State {
    fields.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn with(mut state: State, fields: &Value) -> State {
    state.extend(sets(fields));
    state
}

impl Story {
    fn new() -> Self {
        let books = Books { partition: 7, watermark: 3, halted: None, sequence: 3, settled: 3, waiting: 0 };
        let evidence = Evidence { books: vec![books], ..Evidence::default() };
        Self { operations: Vec::new(), windows: Vec::new(), evidence, now: 0 }
    }

    /// An operation that takes ten microseconds, and is answered 200 by service 0.
    fn does(&mut self, what: What, outcome: Outcome) -> usize {
        let answered = match outcome {
            Outcome::Refused { status } => Answered::Status { status, retry_after: None, detail: String::new() },
            Outcome::Absent => Answered::Status { status: 404, retry_after: None, detail: String::new() },
            _ => Answered::Status { status: 200, retry_after: None, detail: String::new() },
        };
        self.answered(what, outcome, answered)
    }

    fn answered(&mut self, what: What, outcome: Outcome, answered: Answered) -> usize {
        let (number, invoked, ended) = (self.operations.len(), self.now, self.now + 10);
        self.now += 20;
        let tries = vec![Try { process: 0, from: invoked, to: ended, answered }];
        let client = "teacher".to_owned();
        self.operations.push(Operation { number, client, school: SCHOOL, what, invoked, ended, tries, outcome });
        number
    }

    fn creates(&mut self, id: u128, state: &State) -> usize {
        let what = What::Create { entity: Entity::Homework, keyed: true, state: state.clone() };
        self.does(what, Outcome::Done(Seen { row: row(id), version: 1, state: state.clone() }))
    }

    fn changes(&mut self, id: u128, base: u32, fields: &Value, after: &State) -> usize {
        let what = What::Change { entity: Entity::Homework, row: row(id), base, sets: sets(fields), event: None };
        self.does(what, Outcome::Done(Seen { row: row(id), version: base + 1, state: after.clone() }))
    }

    fn reads(&mut self, id: u128, version: u32, state: &State) -> usize {
        let what = What::Show { entity: Entity::Homework, row: row(id) };
        self.does(what, Outcome::Done(Seen { row: row(id), version, state: state.clone() }))
    }

    /// PostgreSQL gets a version of a row, in a transaction of its own.
    fn commits(&mut self, id: u128, version: u32, state: &State) {
        let order = self.evidence.commits.last().map_or(1, |last| last.order + 1);
        self.evidence.commits.push(commit(order, id, version, state));
        let seen = Seen { row: row(id), version, state: state.clone() };
        self.evidence.rows.retain(|saved| saved.seen.row != row(id));
        self.evidence.rows.push(Saved { entity: Entity::Homework, school: SCHOOL, seen });
    }

    fn buries(&mut self, id: u128, version: u32, state: &State) {
        let (entity, row) = (Entity::Homework, row(id));
        self.evidence.letters.push(Letter { entity, row, version, state: Some(state.clone()), reason: "refused".to_owned() });
        let order = self.evidence.commits.last().map_or(1, |last| last.order + 1);
        self.evidence.commits.push(Commit { act: Act::Buried, ..commit(order, id, version, state) });
    }

    fn fault(&mut self, effect: Effect, from: Micros, healed: Micros) {
        self.windows.push(Window { name: "a fault", effect, from, healed, recovered: healed });
    }

    fn judge(&self) -> (Vec<Violation>, Checked) {
        let schools = [(SCHOOL, 7)];
        check(Case { operations: &self.operations, windows: &self.windows, evidence: &self.evidence, schools: &schools, backlog: 10 })
    }

    #[track_caller]
    fn is_fine(&self) -> Checked {
        let (violations, checked) = self.judge();
        assert_eq!(violations, [], "a good history was found fault with");
        checked
    }

    #[track_caller]
    fn breaks(&self, rule: &str) {
        let (violations, _) = self.judge();
        let rules: BTreeSet<&str> = violations.iter().map(|violation| violation.rule).collect();
        assert!(rules.contains(rule), "{rule} was overlooked; found: {violations:?}");
    }
}

fn commit(order: u64, id: u128, version: u32, state: &State) -> Commit {
    let (school, entity, act, state) = (SCHOOL, Entity::Homework, Act::Saved, state.clone());
    Commit { order, detour: false, school, entity, act, row: row(id), version, state }
}

/// Two rows; one is changed. Everything is saved, in three transactions.
fn good() -> Story {
    let mut story = Story::new();
    let (one, two) = (homework("a", "One"), homework("b", "Two"));
    let changed = with(one.clone(), &json!({"description": "second"}));
    story.creates(1, &one);
    story.commits(1, 1, &one);
    story.creates(2, &two);
    story.commits(2, 1, &two);
    story.changes(1, 1, &json!({"description": "second"}), &changed);
    story.commits(1, 2, &changed);
    story.reads(1, 2, &changed);
    story
}

#[test]
fn a_good_history_is_fine_and_all_of_it_is_judged() {
    let checked = good().is_fine();
    assert_eq!((checked.writes, checked.ordered, checked.strict_reads, checked.relaxed_reads), (3, 3, 1, 0));
}

#[test]
fn a_row_that_is_gone_is_lost() {
    let mut story = good();
    story.evidence.rows.retain(|saved| saved.seen.row != row(2));
    story.breaks("lost");
}

#[test]
fn a_row_in_an_older_version_than_was_acknowledged_is_lost() {
    let mut story = good();
    let older = Seen { row: row(1), version: 1, state: homework("a", "One") };
    story.evidence.rows.iter_mut().filter(|saved| saved.seen.row == row(1)).for_each(|saved| saved.seen = older.clone());
    story.breaks("lost");
}

#[test]
fn what_a_read_has_shown_may_not_be_lost_either_although_its_writer_was_never_answered() {
    let mut story = good();
    let third = with(homework("a", "One"), &json!({"description": "third"}));
    let what = What::Change { entity: Entity::Homework, row: row(1), base: 2, sets: sets(&json!({"description": "third"})), event: None };
    story.fault(Effect::Service(0), story.now, story.now + 10);
    story.answered(what, Outcome::Unknown, Answered::Nothing { why: "killed".to_owned() });
    story.is_fine();
    story.now += 100;
    story.reads(1, 3, &third);
    story.breaks("lost");
    story.commits(1, 3, &third);
    story.is_fine();
}

#[test]
fn two_rows_of_one_request_are_a_doubled_one() {
    let mut story = good();
    let copy = Seen { row: row(9), version: 1, state: homework("b", "Two") };
    story.evidence.rows.push(Saved { entity: Entity::Homework, school: SCHOOL, seen: copy });
    story.breaks("doubled");
}

#[test]
fn a_retry_that_is_answered_with_another_row_is_a_doubled_one() {
    let mut story = good();
    story.creates(3, &homework("b", "Two"));
    story.breaks("doubled");
}

#[test]
fn content_that_nobody_wrote_is_noticed_in_the_table_in_a_dead_letter_and_in_a_read() {
    let altered = with(homework("b", "Two"), &json!({"description": "altered"}));
    let mut story = good();
    story.evidence.rows.iter_mut().filter(|saved| saved.seen.row == row(2)).for_each(|saved| saved.seen.state = altered.clone());
    story.breaks("content");
    let mut story = good();
    story.buries(2, 1, &altered);
    story.breaks("content");
    let mut story = good();
    story.reads(2, 1, &altered);
    story.breaks("reads");
}

#[test]
fn a_row_that_nobody_made_is_noticed() {
    let mut story = good();
    story.commits(9, 1, &homework("z", "Nobody's"));
    story.breaks("invented");
}

#[test]
fn a_request_that_was_refused_must_not_have_done_anything() {
    let mut story = good();
    let state = homework("c", "Three");
    let what = What::Create { entity: Entity::Homework, keyed: true, state: state.clone() };
    story.does(what, Outcome::Refused { status: 409 });
    story.is_fine();
    story.commits(3, 1, &state);
    story.breaks("refused");
}

#[test]
fn a_request_without_an_answer_may_or_may_not_have_happened() {
    let mut story = good();
    let state = homework("c", "Three");
    let what = What::Create { entity: Entity::Homework, keyed: true, state: state.clone() };
    story.fault(Effect::Service(0), story.now, story.now + 10);
    story.answered(what, Outcome::Unknown, Answered::Nothing { why: "killed".to_owned() });
    story.is_fine();
    story.commits(3, 1, &state);
    story.is_fine();
}

#[test]
fn one_version_that_is_acknowledged_to_two_writers_is_a_lost_update() {
    let mut story = good();
    let other = with(homework("a", "One"), &json!({"description": "another"}));
    story.changes(1, 1, &json!({"description": "another"}), &other);
    story.breaks("rows");
}

#[test]
fn a_read_of_an_older_version_than_was_acknowledged_before_is_stale() {
    let mut story = good();
    story.reads(1, 1, &homework("a", "One"));
    story.breaks("stale");
}

#[test]
fn a_read_that_misses_a_row_is_stale_and_so_is_a_list_without_it() {
    let mut story = good();
    story.does(What::Show { entity: Entity::Homework, row: row(2) }, Outcome::Absent);
    story.breaks("stale");
    let mut story = good();
    let rows = vec![Seen { row: row(2), version: 1, state: homework("b", "Two") }];
    story.does(What::List { entity: Entity::Homework, of: row(77) }, Outcome::Listed { rows, complete: true });
    story.breaks("stale");
}

#[test]
fn a_stale_read_is_excused_only_while_redis_is_away_from_the_process_that_was_asked() {
    let mut story = good();
    let now = story.now;
    story.reads(1, 1, &homework("a", "One"));
    story.fault(Effect::Redis(Some(0)), now, now + 5);
    assert_eq!(story.is_fine().relaxed_reads, 1);
    for elsewhere in [Effect::Redis(Some(1)), Effect::Postgres { process: None, refused: true }, Effect::Service(0), Effect::Nothing] {
        story.windows.clear();
        story.fault(elsewhere, now, now + 5);
        story.breaks("stale");
    }
    story.windows.clear();
    story.fault(Effect::Redis(None), 0, now - 1);
    story.breaks("stale");
}

#[test]
fn a_read_that_runs_while_the_write_does_may_show_either() {
    let mut story = good();
    story.reads(1, 1, &homework("a", "One"));
    let (write, read) = (2, story.operations.len() - 1);
    story.operations[read].invoked = story.operations[write].ended - 5;
    story.is_fine();
}

#[test]
fn a_write_that_overtakes_an_earlier_one_on_the_way_to_postgresql_breaks_the_order() {
    let mut story = good();
    story.evidence.commits[0].order = 2;
    story.evidence.commits[1].order = 1;
    story.breaks("order");
    // It committed in PostgreSQL itself, because Redis was away.
    story.evidence.commits[1].detour = true;
    story.is_fine();
}

#[test]
fn writes_that_ran_at_the_same_time_have_no_order() {
    let mut story = good();
    story.evidence.commits[0].order = 2;
    story.evidence.commits[1].order = 1;
    story.operations[1].invoked = story.operations[0].ended - 5;
    story.is_fine();
}

#[test]
fn a_request_that_is_repeated_has_the_place_of_its_first_answer() {
    let mut story = good();
    let repeated = story.creates(1, &homework("a", "One"));
    let now = with(homework("a", "One"), &json!({"description": "second"}));
    story.operations[repeated].outcome = Outcome::Done(Seen { row: row(1), version: 2, state: now });
    story.is_fine();
}

#[test]
fn a_version_that_is_saved_together_with_a_later_one_counts_as_saved_then() {
    let mut story = good();
    // Both versions of the first row came in its last transaction, and with them, at the latest, what lies between.
    story.evidence.commits.remove(0);
    story.breaks("order");
    story.evidence.commits.iter_mut().for_each(|commit| commit.order = 3);
    story.is_fine();
}

#[test]
fn a_row_that_goes_back_is_noticed_although_it_comes_forward_again() {
    let mut story = good();
    let (first, second) = (homework("a", "One"), with(homework("a", "One"), &json!({"description": "second"})));
    story.commits(1, 1, &first);
    story.commits(1, 2, &second);
    story.breaks("back");
}

#[test]
fn poison_must_be_in_a_dead_letter_and_nothing_else_may() {
    let mut story = good();
    let poison = homework("c", "Poison");
    story.creates(3, &poison);
    story.breaks("lost");
    story.buries(3, 1, &poison);
    story.is_fine();
    let mut story = good();
    let fine = homework("c", "Three");
    story.creates(3, &fine);
    story.buries(3, 1, &fine);
    story.breaks("buried");
}

#[test]
fn a_poisoned_row_that_was_corrected_must_be_in_its_table() {
    let mut story = good();
    let poison = homework("c", "Poison");
    let cured = with(poison.clone(), &json!({"title": "Cured"}));
    story.creates(3, &poison);
    story.changes(3, 1, &json!({"title": "Cured"}), &cured);
    story.buries(3, 1, &poison);
    story.breaks("lost");
    story.commits(3, 2, &cured);
    story.is_fine();
}

#[test]
fn two_requests_that_claim_one_row_are_both_kept_and_excused_only_where_nobody_could_know() {
    let submission = |token: &str| {
        let mut state = Entity::Submission.state(&json!({"content": token, "homework_id": row(77), "status": "submitted"}));
        state.remove("attempt");
        state
    };
    let (first, second) = (submission("first"), submission("second"));
    let mut story = good();
    for state in [&first, &second] {
        let what = What::Create { entity: Entity::Submission, keyed: true, state: state.clone() };
        story.does(what, Outcome::Done(Seen { row: row(5), version: 1, state: state.clone() }));
    }
    let seen = Seen { row: row(5), version: 1, state: first };
    story.evidence.rows.push(Saved { entity: Entity::Submission, school: SCHOOL, seen });
    story.breaks("lost");
    story.buries(5, 1, &second);
    for letter in &mut story.evidence.letters {
        letter.entity = Entity::Submission;
    }
    story.breaks("doubled");
    story.fault(Effect::Evicted, 0, 0);
    story.breaks("doubled");
    story.fault(Effect::Postgres { process: None, refused: true }, 0, 0);
    story.is_fine();
    // Homework has no such excuse: its key names it.
    let mut story = good();
    story.creates(1, &homework("z", "Another"));
    story.fault(Effect::Evicted, 0, 0);
    story.fault(Effect::Postgres { process: None, refused: true }, 0, 0);
    story.breaks("doubled");
}

#[test]
fn a_refusal_needs_a_cause_and_says_when_to_come_back() {
    let refusal = |retry_after| Answered::Status { status: 503, retry_after, detail: String::new() };
    let show = What::Show { entity: Entity::Homework, row: row(1) };
    let mut story = good();
    let now = story.now;
    story.answered(show.clone(), Outcome::Unknown, refusal(Some(1)));
    story.breaks("refused");
    story.fault(Effect::Postgres { process: Some(0), refused: false }, now, now + 10);
    story.is_fine();
    let mut story = good();
    story.fault(Effect::Redis(None), 0, 1_000);
    story.answered(show.clone(), Outcome::Unknown, refusal(None));
    story.breaks("retry-after");
    // A batch processor or MongoDB that is away is no cause.
    let mut story = good();
    story.fault(Effect::Nothing, 0, 1_000);
    story.answered(show, Outcome::Unknown, Answered::Nothing { why: "no answer in time".to_owned() });
    story.breaks("unanswered");
}

#[test]
fn who_is_sent_away_for_want_of_room_must_have_found_none() {
    let state = homework("c", "Three");
    let create = |state: State| What::Create { entity: Entity::Homework, keyed: false, state };
    let busy = Answered::Status { status: 503, retry_after: Some(2), detail: String::new() };
    let mut story = good();
    story.answered(create(state.clone()), Outcome::Unknown, busy.clone());
    story.breaks("room");
    let mut story = good();
    for n in 10..20 {
        let state = homework(&format!("t{n}"), "Another");
        story.creates(n, &state);
        story.commits(n, 1, &state);
    }
    story.answered(create(state), Outcome::Unknown, busy);
    assert_eq!(story.is_fine().busy, 1);
}

#[test]
fn an_error_of_the_servers_own_is_never_an_answer() {
    let mut story = good();
    story.fault(Effect::Redis(None), 0, 1_000);
    let answered = Answered::Status { status: 500, retry_after: None, detail: String::new() };
    story.answered(What::Show { entity: Entity::Homework, row: row(1) }, Outcome::Unknown, answered);
    story.breaks("answers");
}

#[test]
fn without_postgresql_what_is_in_redis_can_be_read_and_written() {
    let show = What::Show { entity: Entity::Homework, row: row(1) };
    let mut story = good();
    let now = story.now;
    story.fault(Effect::Postgres { process: None, refused: true }, now, now + 1_000);
    story.reads(1, 2, &with(homework("a", "One"), &json!({"description": "second"})));
    assert_eq!(story.is_fine().outage, 1);
    let refusal = Answered::Status { status: 503, retry_after: Some(1), detail: String::new() };
    story.answered(show.clone(), Outcome::Unknown, refusal.clone());
    story.breaks("outage");
    // Redis was away before: it may not be there.
    let mut story = good();
    let now = story.now;
    story.fault(Effect::Redis(None), 0, 5);
    story.fault(Effect::Postgres { process: None, refused: true }, now, now + 1_000);
    story.answered(show, Outcome::Unknown, refusal);
    assert_eq!(story.is_fine().outage, 0);
}

#[test]
fn a_conflict_with_a_version_that_never_was_is_noticed() {
    let mut story = good();
    let what = What::Change { entity: Entity::Homework, row: row(1), base: 2, sets: State::new(), event: None };
    story.does(what, Outcome::Refused { status: 412 });
    story.breaks("conflict");
    let mut story = good();
    let what = What::Change { entity: Entity::Homework, row: row(1), base: 1, sets: State::new(), event: None };
    story.does(what, Outcome::Refused { status: 412 });
    story.is_fine();
}

#[test]
fn another_schools_row_is_never_shown() {
    let mut story = good();
    let what = What::Trespass { entity: Entity::Homework, row: row(1) };
    story.does(what.clone(), Outcome::Absent);
    story.is_fine();
    story.does(what, Outcome::Done(Seen { row: row(1), version: 1, state: homework("a", "One") }));
    story.breaks("schools");
}

#[test]
fn a_service_that_shows_something_else_than_the_table_in_the_end_is_noticed() {
    let shows = |seen| Shown { process: 1, entity: Entity::Homework, row: row(2), seen };
    let mut story = good();
    story.evidence.shown.push(shows(Some(Seen { row: row(2), version: 1, state: homework("b", "Two") })));
    story.is_fine();
    story.evidence.shown.push(shows(None));
    story.breaks("shown");
    let mut story = good();
    story.evidence.shown.push(shows(Some(Seen { row: row(2), version: 2, state: homework("b", "Two") })));
    story.breaks("shown");
}

#[test]
fn books_that_do_not_agree_are_noticed() {
    for spoil in
        [(|books| books.watermark = 2) as fn(&mut Books), |books| books.settled = 2, |books| books.waiting = 1, |books| books.sequence = 4]
    {
        let mut story = good();
        story.evidence.books.iter_mut().for_each(spoil);
        story.breaks("books");
    }
    let mut story = good();
    story.evidence.books[0].halted = Some("a gap".to_owned());
    story.breaks("halted");
    let mut story = good();
    story.evidence.unsaved.push(row(1));
    story.breaks("unsaved");
    let mut story = good();
    story.evidence.unexpiring.push(row(1));
    story.breaks("unsaved");
    // Other rounds' rows are not this one's concern.
    let mut story = good();
    story.evidence.unexpiring.push(row(99));
    story.is_fine();
}

#[test]
fn an_event_that_is_missing_doubled_or_invented_is_noticed() {
    let published = with(homework("b", "Two"), &json!({"status": "published"}));
    let mut story = good();
    let event = |id: &str, row: Uuid| Activity { event: id.to_owned(), action: "assigned".to_owned(), row };
    let (fields, event_name) = (json!({"status": "published"}), Some("assigned"));
    let what = What::Change { entity: Entity::Homework, row: row(2), base: 1, sets: sets(&fields), event: event_name };
    story.does(what, Outcome::Done(Seen { row: row(2), version: 2, state: published.clone() }));
    story.commits(2, 2, &published);
    story.breaks("events");
    story.evidence.activity.push(event("x", row(2)));
    assert_eq!(story.is_fine().events, 1);
    story.evidence.activity.push(event("y", row(2)));
    story.breaks("events");
    story.evidence.activity.pop();
    story.evidence.activity.push(event("z", row(1)));
    story.breaks("events");
}
