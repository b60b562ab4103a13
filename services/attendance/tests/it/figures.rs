//! Summaries, absences, missing registers: from saved and unsaved registers alike.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::school::{School, fresh};

async fn total(school: &School, query: &str) -> Value {
    school.office.get(&format!("/api/v1/attendance/summary?{query}")).await.expect(200)["total"].clone()
}

#[tokio::test]
async fn a_rate_is_of_what_took_place_while_the_student_was_there() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let drain = async || {
        let drains: Vec<std::sync::Arc<dyn write_behind::Drain>> = (attendance::SERVICE.drains)();
        let postgres = school.fleet.platform.batch_postgres().clone();
        let settings = write_behind::ProcessorSettings::default();
        write_behind::Processor::new(school.fleet.platform.redis().clone(), postgres, drains, settings).run_once().await.unwrap()
    };
    let student = format!("student_id={}", school.pupils[0]);
    assert_eq!(total(&school, &student).await["rate"], json!(null));
    for (days_ago, code) in [(6, "P"), (5, "A"), (4, "L"), (3, "E"), (2, "T"), (1, "P")] {
        school.take(&school.teacher, school.day(days_ago), [code, "P", "P"]).await.expect(201);
        if days_ago == 4 {
            drain().await;
        }
    }
    // Yesterday is saved in one version and corrected in an unsaved one; today nobody took the register.
    drain().await;
    let path = school.register(school.day(1)).await;
    school.teacher.patch(&format!("{path}/records/{}", school.pupils[0]), "\"v1\"", &json!({"code": "A"})).await.expect(200);
    let figures = total(&school, &student).await;
    let part = |name: &str| figures[name].as_f64().unwrap();
    // P, A, L and A count; E is excused; T is nothing.
    assert_eq!((part("days"), part("days_counted"), part("days_excused"), part("days_attended")), (5.0, 4.0, 1.0, 2.0), "{figures:#}");
    assert_eq!((part("rate"), part("absence_rate"), part("absent"), part("not_counted")), (50.0, 60.0, 2.0, 1.0));
    assert_eq!(figures["chronically_absent"], true);
    let before = school.office.get(&format!("/api/v1/attendance/summary?class_id={}", school.class)).await.expect(200);
    assert_eq!((&before["registers_taken"], before["students"].as_array().map(Vec::len)), (&json!(6), Some(3)));
    assert_eq!((&before["total"]["days_counted"], &before["total"]["absent"]), (&json!(16), &json!(2)), "{before:#}");
    // Saved, it is the same; read from PostgreSQL alone, it is the same.
    drain().await;
    assert_eq!(school.office.get(&format!("/api/v1/attendance/summary?class_id={}", school.class)).await.expect(200), before);
    school.fleet.redis.flush().await;
    assert_eq!(school.office.get(&format!("/api/v1/attendance/summary?class_id={}", school.class)).await.expect(200), before);

    // A holiday that is declared afterwards, and an enrolment that began later, take their days out of it.
    let holiday = school.day(5);
    school
        .sql(&format!(
            "INSERT INTO calendar_events (school_id, id, uid, kind, title, is_all_day, start_date, end_date, created_by)
             VALUES ('{}', '{}', 'storm', 'holiday', 'Storm', true, '{holiday}', '{holiday}', '{}');
             UPDATE enrollments SET begin_date = '{holiday}' WHERE student_id = '{}'",
            school.id,
            Uuid::now_v7(),
            school.user(0),
            school.pupils[0]
        ))
        .await;
    school.forget().await;
    let figures = total(&school, &student).await;
    assert_eq!(
        (&figures["days_counted"], &figures["days_attended"], &figures["absent"]),
        (&json!(2), &json!(1.0), &json!(1)),
        "{figures:#}"
    );
}

#[tokio::test]
async fn who_has_been_away_for_days_is_listed_until_they_are_back() {
    let school = School::open().await;
    for (days_ago, codes) in [(4, ["A", "P", "A"]), (3, ["A", "A", "P"]), (2, ["E", "A", "A"]), (1, ["A", "A", "A"])] {
        school.take(&school.teacher, school.day(days_ago), codes).await.expect(201);
    }
    let list = async |query: &str| school.teacher.get(&format!("/api/v1/attendance/absences{query}")).await.expect(200)["items"].clone();
    let runs = list("").await;
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs:#}");
    for run in runs.as_array().unwrap() {
        assert_eq!((&run["days"], &run["to"]), (&json!(3), &json!(school.day(1))));
    }
    assert_eq!(list("?min_days=2").await.as_array().map(Vec::len), Some(3));
    assert_eq!(list(&format!("?on={}", school.day(3))).await, json!([]));
    school.take(&school.teacher, school.today, ["P", "A", "A"]).await.expect(201);
    let runs = list("?min_days=4").await;
    assert_eq!((runs.as_array().map(Vec::len), &runs[0]["student_id"]), (Some(1), &json!(school.pupils[1])), "{runs:#}");
    assert_eq!(school.other_teacher.get("/api/v1/attendance/absences?min_days=1").await.expect(200)["items"], json!([]));
    assert_eq!(school.student.get("/api/v1/attendance/absences").await.status, 403);
    let page = school.office.get("/api/v1/attendance/absences?min_days=1&limit=1").await.expect(200);
    assert_eq!(page["items"][0]["days"], 4);
    let next = format!("/api/v1/attendance/absences?min_days=1&limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(school.office.get(&next).await.expect(200)["items"][0]["days"], 3);
}

#[tokio::test]
async fn a_register_is_missing_until_it_is_taken() {
    let school = School::open().await;
    let missing =
        async |who: &testkit::Api, query: &str| who.get(&format!("/api/v1/attendance/missing{query}")).await.expect(200)["items"].clone();
    let today = missing(&school.office, "").await;
    assert_eq!(today.as_array().map(Vec::len), Some(2), "{today:#}");
    let own = missing(&school.teacher, "").await;
    assert_eq!((own.as_array().map(Vec::len), &own[0]["class_id"], &own[0]["is_locked"]), (Some(1), &json!(school.class), &json!(false)));
    // Opened is not taken; the id is the one to write to.
    school.teacher.post("/api/v1/attendance/sessions", &json!({"class_id": school.class, "held_on": school.today})).await.expect(201);
    assert_eq!(missing(&school.teacher, "").await, own);
    let path = format!("/api/v1/attendance/sessions/{}", own[0]["session_id"].as_str().unwrap());
    crate::school::put(&school.teacher, &format!("{path}/records"), "\"v1\"", &json!({"records": [], "others": "P"})).await.expect(200);
    assert_eq!(missing(&school.teacher, "").await, json!([]));
    school.saved().await;
    assert_eq!(missing(&school.teacher, "").await, json!([]));
    let week = format!("?from={}&to={}", school.day(9), school.day(-9));
    let rows = missing(&school.teacher, &week).await;
    assert_eq!(rows.as_array().map(Vec::len), Some(9), "{rows:#}");
    assert_eq!((&rows[0]["held_on"], &rows[0]["is_locked"]), (&json!(school.day(9)), &json!(true)));
    let page = school.teacher.get(&format!("/api/v1/attendance/missing{week}&limit=5")).await.expect(200);
    let next = format!("/api/v1/attendance/missing{week}&limit=5&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(school.teacher.get(&next).await.expect(200)["items"].as_array().map(Vec::len), Some(4));
    assert_eq!(school.teacher.get("/api/v1/attendance/missing?from=2026-01-01").await.status, 422);
}

#[tokio::test]
async fn lessons_of_the_timetable_are_missed_where_the_school_keeps_registers_of_periods() {
    let school = School::open().await;
    let settings = school.office.get("/api/v1/attendance/settings").await;
    let change = json!({"daily_registers": false, "period_registers": true});
    school.office.patch("/api/v1/attendance/settings", &settings.etag(), &change).await.expect(200);
    let weekday = chrono::Datelike::weekday(&school.today).number_from_monday();
    for (period, valid_to) in [(1, school.today), (2, school.today), (3, school.day(1))] {
        school
            .sql(&format!(
                "INSERT INTO timetable_entries (school_id, id, class_id, rotation_day, period, start_minute, end_minute, valid_from, valid_to)
                 VALUES ('{}', '{}', '{}', {weekday}, {period}, {}, {}, '{}', '{valid_to}')",
                school.id,
                Uuid::now_v7(),
                school.class,
                period * 60,
                period * 60 + 45,
                school.day(6)
            ))
            .await;
    }
    let list = school.teacher.get("/api/v1/attendance/missing").await.expect(200)["items"].clone();
    let periods: Vec<u64> = list.as_array().unwrap().iter().filter_map(|row| row["period"].as_u64()).collect();
    assert_eq!(periods, [1, 2], "{list:#}");
    let body = json!({"register": {"class_id": school.class, "held_on": school.today, "period": 1}, "records": [], "others": "P"});
    let path = format!("/api/v1/attendance/sessions/{}/records", list[0]["session_id"].as_str().unwrap());
    fresh(&school.teacher, &path, &body).await.expect(201);
    let list = school.teacher.get("/api/v1/attendance/missing").await.expect(200)["items"].clone();
    assert_eq!((list.as_array().map(Vec::len), &list[0]["period"]), (Some(1), &json!(2)));
    // An examination that lasts all day stands in for the timetable; one of another class does not.
    let examination = async |class: domain::ClassId| {
        school
            .sql(&format!(
                "INSERT INTO calendar_events (school_id, id, uid, kind, title, is_all_day, start_date, end_date, audience, created_by)
                 VALUES ('{}', '{}', '{class}', 'exam', 'Physics', true, '{2}', '{2}', '{{\"class_ids\": [\"{class}\"]}}', '{3}')",
                school.id,
                Uuid::now_v7(),
                school.today,
                school.user(0)
            ))
            .await;
        school.forget().await;
        school.teacher.get("/api/v1/attendance/missing").await.expect(200)["items"].as_array().map(Vec::len)
    };
    assert_eq!(examination(school.other_class).await, Some(1));
    assert_eq!(examination(school.class).await, Some(0));
    // There is school all the same.
    school.take(&school.teacher, school.today, ["P", "P", "P"]).await.expect(201);
}

#[tokio::test]
async fn pages_of_registers_and_marks_hold_every_row_once_whether_saved_or_not() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let drain = async || {
        let drains: Vec<std::sync::Arc<dyn write_behind::Drain>> = (attendance::SERVICE.drains)();
        let postgres = school.fleet.platform.batch_postgres().clone();
        let settings = write_behind::ProcessorSettings::default();
        write_behind::Processor::new(school.fleet.platform.redis().clone(), postgres, drains, settings).run_once().await.unwrap()
    };
    for days_ago in 0..7 {
        school.take(&school.teacher, school.day(days_ago), ["P", "A", "P"]).await.expect(201);
        if days_ago == 3 {
            drain().await;
        }
    }
    let changed = school.register(school.day(1)).await;
    school.teacher.patch(&format!("{changed}/records/{}", school.pupils[0]), "\"v1\"", &json!({"code": "L"})).await.expect(200);
    for path in ["/api/v1/attendance/sessions".to_owned(), format!("/api/v1/students/{}/attendance", school.pupils[0])] {
        for limit in [1, 2, 7, 50] {
            let (mut days, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = school.teacher.get(&format!("{path}?limit={limit}{cursor}")).await.expect(200);
                days.extend(page["items"].as_array().unwrap().iter().map(|row| row["held_on"].as_str().unwrap().to_owned()));
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            let expected: Vec<String> = (0..7).map(|days_ago| school.day(days_ago).to_string()).collect();
            assert_eq!(days, expected, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn day_and_lessons_that_contradict_each_other_are_listed() {
    let school = School::open().await;
    school.take(&school.teacher, school.today, ["A", "P", "P"]).await.expect(201);
    let place = json!({"class_id": school.class, "held_on": school.today, "period": 2});
    let opened = school.teacher.post("/api/v1/attendance/sessions", &place).await;
    let records: Vec<Value> =
        school.pupils.iter().zip(["L", "A", "P"]).map(|(student, code)| json!({"student_id": student, "code": code})).collect();
    let path = format!("{}/records", opened.header("location"));
    crate::school::put(&school.teacher, &path, &opened.etag(), &json!({"records": records})).await.expect(200);
    let list = school.office.get("/api/v1/attendance/conflicts").await.expect(200);
    let mut kinds: Vec<(String, String)> =
        list["items"].as_array().unwrap().iter().map(|row| (row["student_id"].to_string(), row["conflict"].to_string())).collect();
    kinds.sort();
    let mut expected = vec![
        (json!(school.pupils[0]).to_string(), "\"seen_in_lesson\"".to_owned()),
        (json!(school.pupils[1]).to_string(), "\"missed_lesson\"".to_owned()),
    ];
    expected.sort();
    assert_eq!(kinds, expected, "{list:#}");
    let page = school.teacher.get("/api/v1/attendance/conflicts?limit=1").await.expect(200);
    let next = format!("/api/v1/attendance/conflicts?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(school.teacher.get(&next).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(school.other_teacher.get("/api/v1/attendance/conflicts").await.expect(200)["items"], json!([]));
}
