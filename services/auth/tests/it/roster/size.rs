//! A big roster takes seconds.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use auth::roster::{Counts, Outcome};

use super::stage::{Files, Stage};

const STUDENTS: usize = 12_500;
const CLASSES: usize = 200;
const EACH: usize = 8;

/// 12,500 students in 8 of 200 classes each: 100,000 enrolments.
fn big() -> Files {
    let (mut users, mut classes, mut enrollments) = (String::new(), String::new(), String::new());
    for student in 0..STUDENTS {
        writeln!(
            users,
            "m{student},,,true,s1,student,m{student},,Learner,Number {student},,{},m{student}@north.example,,,,,",
            10_000 + student
        )
        .unwrap();
    }
    for class in 0..CLASSES {
        writeln!(classes, "q{class},,,Class {class},05,c1,Q{class},scheduled,,s1,h1,,,").unwrap();
    }
    for row in 0..STUDENTS * EACH {
        let (student, class) = (row / EACH, (row / EACH + row % EACH * 25) % CLASSES);
        writeln!(enrollments, "x{row},,,q{class},s1,m{student},student,false,2026-06-01,2026-11-30").unwrap();
    }
    let header = Files::small().text("enrollments.csv").lines().next().unwrap().to_owned() + "\n";
    Files::small().append("users.csv", &users).append("classes.csv", &classes).set("enrollments.csv", header + &enrollments)
}

#[tokio::test]
async fn a_hundred_thousand_enrolments_are_imported_in_seconds_and_again_faster() {
    let stage = Stage::set().await;
    let files = big();
    let start = Instant::now();
    let first = stage.import(&files).await.unwrap();
    let took = start.elapsed();
    assert_eq!(
        (first.schools[0].outcome, first.schools[0].enrollments.created),
        (Outcome::Imported, STUDENTS * EACH),
        "{:#?}",
        first.schools[0]
    );
    let start = Instant::now();
    let second = stage.import(&files).await.unwrap();
    let again = start.elapsed();
    println!("100,000 enrolments: {took:?}, again {again:?}");
    assert_eq!(second.schools[0].enrollments, Counts { unchanged: STUDENTS * EACH, ..Counts::default() });
    assert!(!second.schools[0].moved());
    // Generous for a loaded machine and an unoptimised build; row by row it would take many minutes.
    assert!(took < Duration::from_secs(90) && again < Duration::from_mins(1), "{took:?}, {again:?}");
}

#[tokio::test]
async fn one_changed_row_of_a_hundred_thousand_is_the_one_that_changes() {
    let stage = Stage::set().await;
    let files = big();
    stage.import(&files).await.unwrap();
    let files = files.swap("enrollments.csv", "x77777,,,q", "x77777,tobedeleted,,q");
    let report = stage.import(&files).await.unwrap();
    assert_eq!(report.schools[0].enrollments, Counts { removed: 1, unchanged: STUDENTS * EACH - 1, ..Counts::default() });
}
