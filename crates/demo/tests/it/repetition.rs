//! Seeding again, seeding what is missing, and seeding without MongoDB.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, ManualClock, SystemClock};
use testkit::Fleet;

use crate::{contents, number, seeded};

#[tokio::test(flavor = "multi_thread")]
async fn seeding_again_changes_nothing_not_even_two_months_later() {
    let (mut fleet, first) = seeded().await;
    println!("{first}");
    assert!(first.took < Duration::from_secs(30), "{:?}", first.took);
    assert_eq!(first.notes, Vec::<String>::new());
    let mut connection = fleet.database.superuser().await;
    let before = contents(&mut connection).await;

    let again = demo::seed(&fleet.platform).await.unwrap();
    assert_eq!(again.schools, first.schools);
    assert_eq!(contents(&mut connection).await, before);
    assert!(again.took < Duration::from_secs(3), "{:?}", again.took);

    let later = ManualClock::at(SystemClock.now() + chrono::Duration::days(61));
    fleet.restart(&[homework::SERVICE], Arc::new(later)).await;
    assert_eq!(demo::seed(&fleet.platform).await.unwrap().schools, first.schools);
    assert_eq!(contents(&mut connection).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_missing_is_made_as_it_would_have_been() {
    let (mut fleet, _) = seeded().await;
    let mut connection = fleet.database.superuser().await;
    let before = contents(&mut connection).await;
    sqlx::raw_sql(
        "TRUNCATE homework, vehicles, bus_drivers, bus_fee_slabs, fee_structures, concessions, ledger_entries, receipt_counters, invoice_counters, fine_rules CASCADE",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let later = ManualClock::at(SystemClock.now() + chrono::Duration::days(61));
    fleet.restart(&[homework::SERVICE], Arc::new(later)).await;
    demo::seed(&fleet.platform).await.unwrap();
    assert_eq!(contents(&mut connection).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mongodb_the_report_says_that_there_are_no_quizzes() {
    let fleet =
        Fleet::start_with(&[homework::SERVICE], &[("MONGODB_URI", "mongodb://127.0.0.1:1/nothing?serverSelectionTimeoutMS=200")]).await;
    let report = demo::seed(&fleet.platform).await.unwrap();
    assert_eq!(report.notes.len(), 2);
    assert!(report.to_string().contains("no quizzes for Greenfield Public School: MongoDB"), "{report}");
    let mut connection = fleet.database.superuser().await;
    assert_eq!(number(&mut connection, "SELECT count(*) FROM quizzes").await, 0);
    assert_eq!(number(&mut connection, "SELECT count(*) FROM students").await, 1040);
}
