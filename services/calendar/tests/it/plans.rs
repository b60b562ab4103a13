//! That what is read often is found by an index, however much of it there is.

use serde_json::json;

use crate::school::School;

/// How often the index was gone by, and how many entries it gave.
async fn uses(school: &School, index: &'static str) -> (i64, i64) {
    let query = "SELECT idx_scan, idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = $1";
    sqlx::query_as(query).bind(index).fetch_one(&mut school.fleet.database.superuser().await).await.unwrap()
}

/// Waits until the index was gone by more often than before, and returns how many entries it gave meanwhile. PostgreSQL counts with some delay.
async fn read_since(school: &School, index: &'static str, before: (i64, i64)) -> i64 {
    for _ in 0..600 {
        let now = uses(school, index).await;
        if now.0 > before.0 {
            return now.1 - before.1;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{index} is not used");
}

#[tokio::test]
async fn a_month_among_twenty_thousand_events_is_found_by_its_days() {
    let school = School::open().await;
    let mut superuser = school.fleet.database.superuser().await;
    // Twenty years of them, three a day; every tenth is a series of some weeks.
    let fill = "INSERT INTO calendar_events (school_id, id, uid, title, is_all_day, start_date, end_date, starts_at, ends_at, time_zone, rrule, last_day, created_by)
        SELECT $1, gen_random_uuid(), 'e' || n, 'Event ' || n, n % 2 = 0, d, d, t, t + interval '1 hour', z, r, (day + CASE WHEN r IS NULL THEN 0 ELSE 21 END), $2
        FROM (SELECT n, day, CASE WHEN n % 2 = 0 THEN day END AS d, CASE WHEN n % 2 = 1 THEN day + interval '9 hours' END AS t,
                CASE WHEN n % 2 = 1 THEN 'Europe/London' END AS z, CASE WHEN n % 10 = 0 THEN 'FREQ=WEEKLY;COUNT=4' END AS r
            FROM (SELECT n, $3::date + n / 3 AS day FROM generate_series(0, 19999) AS n) AS days) AS events";
    let first = school.today - chrono::Days::new(5000);
    let fill = sqlx::query(fill).bind(school.id.as_uuid()).bind(school.student_user.as_uuid()).bind(first);
    assert_eq!(fill.execute(&mut superuser).await.unwrap().rows_affected(), 20_000);
    sqlx::raw_sql("VACUUM ANALYZE calendar_events").execute(&mut superuser).await.unwrap();
    let sequential = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'calendar_events'";
    let (before, rows_read) = (uses(&school, "calendar_events_short").await, school.count(sequential).await);
    let (from, to) = (school.day(1).to_string(), school.day(7).to_string());
    assert!(school.shown(&school.student, &from, &to).await.len() >= 21);
    let read = read_since(&school, "calendar_events_short", before).await;
    assert!((21..200).contains(&read), "some days were asked for, and {read} rows were looked at");
    assert_eq!(school.count(sequential).await, rows_read, "the table was not read through");
}

#[tokio::test]
async fn what_is_booked_in_some_days_is_found_by_its_beginning() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let mut superuser = school.fleet.database.superuser().await;
    let fill = "INSERT INTO room_bookings (school_id, id, room_id, purpose, starts_at, ends_at, booked_by)
        SELECT $1, gen_random_uuid(), $2::uuid, 'Choir', t, t + interval '30 minutes', $3
        FROM (SELECT $4::date::timestamptz + n * interval '1 hour' AS t FROM generate_series(0, 19999) AS n) AS hours";
    let first = school.today - chrono::Days::new(800);
    let fill = sqlx::query(fill).bind(school.id.as_uuid()).bind(&room).bind(school.student_user.as_uuid()).bind(first);
    assert_eq!(fill.execute(&mut superuser).await.unwrap().rows_affected(), 20_000);
    sqlx::raw_sql("VACUUM ANALYZE room_bookings").execute(&mut superuser).await.unwrap();
    let before = uses(&school, "room_bookings_starts").await;
    let day = school.day(1);
    let listed = school.teacher.get(&format!("/api/v1/room-bookings?from={day}&to={day}&room_id={room}")).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 24);
    let read = read_since(&school, "room_bookings_starts", before).await;
    assert!((24..100).contains(&read), "a day was asked for, and {read} rows were looked at");
    let refused =
        json!({"room_id": room, "purpose": "Chess", "starts_at": format!("{day}T10:10:00Z"), "ends_at": format!("{day}T10:20:00Z")});
    assert_eq!(school.teacher.post("/api/v1/room-bookings", &refused).await.status, 409);
}
