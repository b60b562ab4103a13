//! Feeds: what they hold, who reads them, and what is left once they are revoked.

use serde_json::json;
use testkit::{Answer, Api};

use crate::school::{School, on_lesson_day, path_of_slot};

/// Unfolded lines.
fn lines(feed: &Answer) -> Vec<String> {
    let text = feed.body.as_str().unwrap();
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "a line is too long");
    text.replace("\r\n ", "").lines().map(str::to_owned).collect()
}

fn has(feed: &Answer, line: &str) -> bool {
    lines(feed).iter().any(|found| found == line)
}

async fn feed_of(who: &Api) -> String {
    let made = who.post("/api/v1/calendar/feeds", &json!({"name": "Phone"})).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{:#}", made.body);
    made.body["path"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_feed_holds_series_moves_and_what_was_called_off() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &with_description()).await;
    let path = made.header("location").to_owned();
    let uid = made.body["uid"].as_str().unwrap().to_owned();
    let feed = feed_of(&school.parent).await;
    let anonymous = school.fleet.anonymous();
    let first = anonymous.get(&feed).await;
    assert_eq!((first.status, first.header("content-type")), (200, "text/calendar; charset=utf-8"));
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "BEGIN:VTIMEZONE",
        "TZID:Europe/London",
        "RDATE:20261025T020000",
        &format!("UID:{uid}"),
        "SEQUENCE:0",
        "DTSTART;TZID=Europe/London:20261012T090000",
        "DTEND;TZID=Europe/London:20261012T094500",
        "RRULE:FREQ=WEEKLY;COUNT=4",
        "SUMMARY:Assembly",
        "DESCRIPTION:Bring: pens\\, paper\\; and a friend.\\nEverybody.",
        "STATUS:CONFIRMED",
    ] {
        assert!(has(&first, line), "{line} is not in {}", first.body.as_str().unwrap());
    }
    // Nothing has changed, so nothing is another one: a program would fetch and tell of changes for nothing.
    let again = anonymous.get(&feed).await;
    assert_eq!((again.body, again.headers.get("etag")), (first.body.clone(), first.headers.get("etag")));
    let known = anonymous.send(anonymous.request(reqwest::Method::GET, &feed).header("If-None-Match", first.header("etag"))).await;
    assert_eq!(known.status, 304);

    let moved = json!({"starts_at": "2026-10-28T10:00:00Z", "ends_at": "2026-10-28T10:45:00Z"});
    let moved = school.office.patch(&format!("{path}/occurrences/20261026T090000"), &made.etag(), &moved).await;
    let off = school.office.patch(&format!("{path}/occurrences/20261102T090000"), &moved.etag(), &json!({"status": "cancelled"})).await;
    let excepted = school.office.patch(&path, &off.etag(), &json!({"exdates": ["20261019T090000"]})).await;
    assert_eq!(excepted.status, 200, "{:#}", excepted.body);
    for _ in 0..2 {
        let second = anonymous.get(&feed).await;
        for line in [
            "RECURRENCE-ID;TZID=Europe/London:20261026T090000",
            "DTSTART;TZID=Europe/London:20261028T100000",
            "RECURRENCE-ID;TZID=Europe/London:20261102T090000",
            "STATUS:CANCELLED",
            "EXDATE;TZID=Europe/London:20261019T090000",
            "SEQUENCE:1",
        ] {
            assert!(has(&second, line), "{line} is not in {}", second.body.as_str().unwrap());
        }
        assert_eq!(lines(&second).iter().filter(|line| **line == format!("UID:{uid}")).count(), 3, "one name for all of the series");
        school.saved().await;
    }
    assert_eq!(school.office.delete(&path, &excepted.etag()).await.status, 204);
    let last = anonymous.get(&feed).await;
    assert!(has(&last, &format!("UID:{uid}")) && has(&last, "SEQUENCE:2") && !has(&last, "STATUS:CONFIRMED"), "it stays, as called off");
}

fn with_description() -> serde_json::Value {
    let mut series = School::series();
    series["description"] = json!("Bring: pens, paper; and a friend.\nEverybody.");
    series
}

#[tokio::test]
async fn days_are_days_in_a_feed() {
    let school = School::open().await;
    let day = school.day(3);
    school.put_in(&school.office, &json!({"kind": "holiday", "title": "Day off", "start_date": day, "end_date": school.day(4)})).await;
    let feed = school.fleet.anonymous().get(&feed_of(&school.student).await).await;
    assert!(has(&feed, &format!("DTSTART;VALUE=DATE:{}", day.format("%Y%m%d"))));
    assert!(has(&feed, &format!("DTEND;VALUE=DATE:{}", school.day(5).format("%Y%m%d"))));
    assert!(!has(&feed, "BEGIN:VTIMEZONE"), "nothing in it has a time");
}

#[tokio::test]
async fn a_feed_holds_what_its_owner_may_see_and_their_appointments() {
    let school = School::open().await;
    school.put_in(&school.office, &json!({"title": "For 7A", "start_date": school.today, "audience": {"class_ids": [school.class]}})).await;
    school
        .put_in(&school.office, &json!({"title": "For 7B", "start_date": school.today, "audience": {"class_ids": [school.other_class]}}))
        .await;
    let slot = path_of_slot(&school.slot().await);
    let booked = school.parent.post(&format!("{slot}/bookings"), &json!({})).await;
    let (mine, theirs, teachers) = (feed_of(&school.parent).await, feed_of(&school.other_parent).await, feed_of(&school.teacher).await);
    let anonymous = school.fleet.anonymous();
    let feed = anonymous.get(&mine).await;
    assert!(has(&feed, "SUMMARY:For 7A") && !has(&feed, "SUMMARY:For 7B") && has(&feed, "SUMMARY:Ten minutes"));
    let feed = anonymous.get(&theirs).await;
    assert!(!has(&feed, "SUMMARY:For 7A") && has(&feed, "SUMMARY:For 7B") && !has(&feed, "SUMMARY:Ten minutes"));
    assert!(has(&anonymous.get(&teachers).await, "SUMMARY:Ten minutes"));
    assert_eq!(school.parent.delete(booked.header("location"), &booked.etag()).await.status, 204);
    assert!(has(&anonymous.get(&mine).await, "STATUS:CANCELLED"), "other calendars learn that it was given up");
}

#[tokio::test]
async fn once_revoked_a_feed_is_like_one_that_never_was() {
    let school = School::open().await;
    let made = school.parent.post("/api/v1/calendar/feeds", &json!({})).await;
    let (path, own) = (made.body["path"].as_str().unwrap().to_owned(), made.header("location").to_owned());
    let anonymous = school.fleet.anonymous();
    assert_eq!(anonymous.get(&path).await.status, 200);
    // The token is in no table, and never told again.
    let token = path.rsplit('/').next().unwrap().trim_end_matches(".ics").to_owned();
    let listed = school.parent.get("/api/v1/calendar/feeds").await.expect(200);
    assert!(listed[0]["last_read_at"].is_string() && !listed.to_string().contains(&token));
    let kept: String = sqlx::query_scalar("SELECT to_jsonb(f)::text FROM calendar_feeds f")
        .fetch_one(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    assert!(!kept.contains(&token));
    assert_eq!(school.other_parent.delete(&own, "\"v1\"").await.status, 404, "it is somebody else's");
    assert_eq!(school.parent.delete(&own, "\"v1\"").await.status, 204);
    assert_eq!(school.parent.delete(&own, "\"v1\"").await.status, 404);
    let mut never = token.clone();
    never.replace_range(60.., if token.ends_with("AAAA") { "BBBB" } else { "AAAA" });
    let shape = |answer: &Answer| {
        let mut body = answer.body.clone();
        for name in ["instance", "request_id"] {
            body.as_object_mut().unwrap().remove(name);
        }
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).filter(|name| name != "date").collect();
        names.sort();
        (answer.status, names, body)
    };
    let revoked = shape(&anonymous.get(&path).await);
    assert_eq!(revoked.0, 404);
    for other in [never.as_str(), "x", &"A".repeat(64), &"%00".repeat(3)] {
        assert_eq!(shape(&anonymous.get(&format!("/api/v1/calendar/feeds/{other}.ics")).await), revoked, "{other}");
    }
    let conditional = anonymous.send(anonymous.request(reqwest::Method::GET, &path).header("If-None-Match", "*")).await;
    assert_eq!(shape(&conditional), revoked);
}

#[tokio::test]
async fn a_feed_goes_with_the_role_in_which_it_was_made() {
    let school = School::open().await;
    let path = feed_of(&school.parent).await;
    let anonymous = school.fleet.anonymous();
    assert_eq!(anonymous.get(&path).await.status, 200);
    let mut superuser = school.fleet.database.superuser().await;
    sqlx::query("UPDATE memberships SET is_active = false WHERE role = 'parent'").execute(&mut superuser).await.unwrap();
    assert_eq!(anonymous.get(&path).await.status, 404);
    sqlx::query("UPDATE memberships SET is_active = true WHERE role = 'parent'").execute(&mut superuser).await.unwrap();
    assert_eq!(anonymous.get(&path).await.status, 200);
    sqlx::query("UPDATE users SET is_active = false WHERE email = 'parent@a.example'").execute(&mut superuser).await.unwrap();
    assert_eq!(anonymous.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_program_may_look_whether_there_is_a_calendar_before_it_fetches_it() {
    let school = School::open().await;
    school.put_in(&school.office, &School::series()).await;
    let path = feed_of(&school.parent).await;
    let anonymous = school.fleet.anonymous();
    let whole = anonymous.get(&path).await;
    let head = anonymous.send(anonymous.request(reqwest::Method::HEAD, &path)).await;
    assert_eq!((head.status, head.header("content-type")), (200, "text/calendar; charset=utf-8"));
    assert_eq!((head.header("etag"), head.header("cache-control")), (whole.header("etag"), whole.header("cache-control")));
    assert_eq!(head.header("content-length"), whole.body.as_str().unwrap().len().to_string(), "so long is what it would be");
    let known = anonymous.request(reqwest::Method::HEAD, &path).header("If-None-Match", whole.header("etag"));
    assert_eq!(anonymous.send(known).await.status, 304);
    let never = format!("/api/v1/calendar/feeds/{}.ics", "A".repeat(64));
    assert_eq!(anonymous.send(anonymous.request(reqwest::Method::HEAD, &never)).await.status, 404);
}

#[tokio::test]
async fn once_a_feed_is_revoked_none_of_fifty_who_read_it_gets_it_any_more() {
    let school = School::open().await;
    let made = school.parent.post("/api/v1/calendar/feeds", &json!({})).await;
    let (path, own) = (made.body["path"].as_str().unwrap().to_owned(), made.header("location").to_owned());
    let anonymous = school.fleet.anonymous();
    let read_on = async || {
        let mut statuses = Vec::new();
        // Each reads until it is told that there is nothing, and once more.
        while statuses.iter().filter(|status| **status == 404).count() < 2 && statuses.len() < 500 {
            statuses.push(anonymous.get(&path).await.status);
        }
        statuses
    };
    let (readers, revoked) = tokio::join!(futures_util::future::join_all((0..50).map(|_| read_on())), school.parent.delete(&own, "\"v1\""));
    assert_eq!(revoked.status, 204);
    for statuses in readers {
        let (last, before) = statuses.split_last().unwrap();
        assert_eq!((*last, before.last()), (404, Some(&404)), "{statuses:?}");
        assert!(before[..before.len() - 1].iter().all(|status| *status == 200), "{statuses:?}");
    }
}

/// The events of a feed: their lines, unfolded.
fn events(feed: &Answer) -> Vec<Vec<String>> {
    let mut events: Vec<Vec<String>> = Vec::new();
    for line in lines(feed) {
        if line == "BEGIN:VEVENT" {
            events.push(Vec::new());
        } else if let Some(event) = events.last_mut() {
            event.push(line);
        }
    }
    events
}

#[tokio::test]
async fn a_feed_holds_lessons_if_one_asks_for_them_and_tells_when_one_falls_out() {
    let school = School::open().await;
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await;
    let path = lesson.header("location").to_owned();
    let with_lessons = async |who: &Api| {
        let made = who.post("/api/v1/calendar/feeds", &json!({"lessons": true})).await;
        assert_eq!((made.status, &made.body["lessons"]), (201, &json!(true)), "{:#}", made.body);
        made.body["path"].as_str().unwrap().to_owned()
    };
    let (mine, theirs) = (with_lessons(&school.teacher).await, with_lessons(&school.other_teacher).await);
    let (of_child, strangers, without) =
        (with_lessons(&school.parent).await, with_lessons(&school.other_parent).await, feed_of(&school.teacher).await);
    let anonymous = school.fleet.anonymous();
    let is = |event: &[String], line: &str| event.iter().any(|found| found == line);
    // On each of them, by day: whether it takes place, its UID and its SEQUENCE.
    let of_day = async |feed: &str, ahead: u64| {
        let feed = anonymous.get(feed).await;
        assert_eq!(feed.status, 200, "{:#}", feed.body);
        let start = format!("DTSTART;TZID=Europe/London:{}T090000", school.day(ahead).format("%Y%m%d"));
        let found: Vec<_> = events(&feed).into_iter().filter(|event| is(event, &start)).collect();
        assert!(found.len() < 2, "{found:?}");
        let value = |event: &[String], name: &str| event.iter().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        found.first().map(|event| {
            let sequence: i32 = value(event, "SEQUENCE:").parse().unwrap();
            (is(event, "STATUS:CONFIRMED"), value(event, "UID:"), sequence)
        })
    };
    let held = async |feed: &str, ahead: u64| of_day(feed, ahead).await.map(|found| found.0);
    for (feed, expected) in [(&mine, Some(true)), (&of_child, Some(true)), (&theirs, None), (&strangers, None), (&without, None)] {
        assert_eq!(held(feed, 1).await, expected);
    }
    assert!(has(&anonymous.get(&of_child).await, "SUMMARY:7A") && has(&anonymous.get(&of_child).await, "CATEGORIES:Lesson"));
    assert_eq!((held(&mine, 57).await, held(&mine, 64).await), (Some(true), None), "for sixty days");
    let first = of_day(&mine, 8).await.unwrap();
    // Somebody stands in: the lesson is theirs that day, and theirs no more when they need not.
    let cover = json!({"teacher_id": school.teachers[1], "valid_from": school.day(8), "valid_to": school.day(8)});
    let cover = school.office.post(&format!("{path}/cover"), &cover).await;
    assert_eq!((held(&mine, 8).await, held(&theirs, 8).await, held(&of_child, 8).await), (Some(false), Some(true), Some(true)));
    assert_eq!((held(&mine, 1).await, held(&theirs, 1).await), (Some(true), None));
    let covered = of_day(&mine, 8).await.unwrap();
    assert!(covered.1 == first.1 && covered.2 > first.2, "{covered:?} after {first:?}");
    assert_eq!(school.office.delete(cover.header("location"), &cover.etag()).await.status, 204);
    assert_eq!((held(&mine, 8).await, held(&theirs, 8).await), (Some(true), Some(false)));
    let again = of_day(&mine, 8).await.unwrap();
    assert!(again.1 == first.1 && again.2 > covered.2, "{again:?} after {covered:?}");
    // A holiday, and a day without lessons.
    school.put_in(&school.office, &json!({"kind": "holiday", "title": "Day off", "start_date": school.day(15)})).await;
    let day = format!("/api/v1/timetable-days/{}", school.day(22));
    let etag = school.office.get(&day).await.etag();
    assert_eq!(school.office.patch(&day, &etag, &json!({"rotation_day": null})).await.status, 200);
    for ahead in [15, 22] {
        assert_eq!((held(&mine, ahead).await, held(&of_child, ahead).await), (Some(false), Some(false)), "{ahead}");
    }
    // And at last no lesson at all.
    assert_eq!(school.office.delete(&path, &lesson.etag()).await.status, 204);
    assert_eq!((held(&mine, 1).await, held(&of_child, 29).await, held(&strangers, 1).await), (Some(false), Some(false), None));
}

/// What a feed says of the one lesson that it has on a day: when it begins, whether it takes place, its UID and its SEQUENCE.
async fn lesson_on(school: &School, feed: &str, ahead: u64) -> Option<(String, bool, String, i32)> {
    let feed = school.fleet.anonymous().get(feed).await;
    let start = format!("DTSTART;TZID=Europe/London:{}T", school.day(ahead).format("%Y%m%d"));
    let all = events(&feed);
    let mut found = all.iter().filter(|event| event.iter().any(|line| line.starts_with(&start)));
    let event = found.next()?;
    assert!(found.next().is_none(), "{all:?}");
    let value = |name: &str| event.iter().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    Some((value(&start), value("STATUS:") == "CONFIRMED", value("UID:"), value("SEQUENCE:").parse().unwrap()))
}

async fn feed_with_lessons(who: &Api) -> String {
    let made = who.post("/api/v1/calendar/feeds", &json!({"lessons": true})).await.expect(201);
    made["path"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_feed_tells_of_a_lesson_that_is_called_off_or_moved_on_one_day_under_the_name_that_it_has() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await;
    let path = lesson.header("location").to_owned();
    for who in [&school.teacher, &school.student, &school.parent] {
        let feed = feed_with_lessons(who).await;
        let usual = lesson_on(&school, &feed, 1).await.unwrap();
        assert_eq!((usual.0.as_str(), usual.1), ("090000", true));
        let off = json!({"state": "cancelled", "reason": "Excursion"});
        on_lesson_day(&school.office, &path, school.day(1), &off).await.expect(200);
        let called_off = lesson_on(&school, &feed, 1).await.unwrap();
        assert_eq!((called_off.0.as_str(), called_off.1, &called_off.2), ("090000", false, &usual.2));
        assert!(has(&school.fleet.anonymous().get(&feed).await, "DESCRIPTION:Excursion"));
        let moved = json!({"state": "moved", "start_minute": 840, "end_minute": 885, "room_id": room});
        on_lesson_day(&school.office, &path, school.day(1), &moved).await.expect(200);
        let moved = lesson_on(&school, &feed, 1).await.unwrap();
        assert_eq!((moved.0.as_str(), moved.1, &moved.2), ("140000", true, &usual.2));
        assert!(has(&school.fleet.anonymous().get(&feed).await, "LOCATION:Hall"));
        let day = format!("{path}/days/{}", school.day(1));
        let etag = school.office.get(&day).await.etag();
        assert_eq!(school.office.delete(&day, &etag).await.status, 204);
        let again = lesson_on(&school, &feed, 1).await.unwrap();
        assert_eq!((again.0.as_str(), again.1, &again.2), ("090000", true, &usual.2));
        let sequences = [usual.3, called_off.3, moved.3, again.3];
        assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");
        assert_eq!(lesson_on(&school, &feed, 8).await.unwrap().3, 0, "other days are the same as ever");
    }
}

#[tokio::test]
async fn a_lesson_that_is_handed_to_another_teacher_is_called_off_in_the_feed_of_the_first() {
    let school = School::open().await;
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await;
    let path = lesson.header("location").to_owned();
    let (first, second) = (feed_with_lessons(&school.teacher).await, feed_with_lessons(&school.other_teacher).await);
    let child = feed_with_lessons(&school.parent).await;
    let before = lesson_on(&school, &first, 1).await.unwrap();
    assert_eq!(lesson_on(&school, &second, 1).await, None);
    let handed = school.office.patch(&path, &lesson.etag(), &json!({"teacher_id": school.teachers[1]})).await;
    assert_eq!(handed.status, 200, "{:#}", handed.body);
    let lost = lesson_on(&school, &first, 1).await.expect("it stays, as called off");
    assert!(!lost.1 && lost.2 == before.2 && lost.3 > before.3, "{lost:?} after {before:?}");
    assert!(lesson_on(&school, &second, 1).await.unwrap().1 && lesson_on(&school, &child, 1).await.unwrap().1);
    // It comes back, and then nobody is to give it.
    let back = school.office.patch(&path, &handed.etag(), &json!({"teacher_id": school.teachers[0]})).await;
    let again = lesson_on(&school, &first, 1).await.unwrap();
    assert!(again.1 && again.2 == before.2 && again.3 > lost.3, "{again:?} after {lost:?}");
    assert!(!lesson_on(&school, &second, 1).await.unwrap().1);
    assert_eq!(school.office.patch(&path, &back.etag(), &json!({"teacher_id": null})).await.status, 200);
    assert!(!lesson_on(&school, &first, 1).await.unwrap().1);
    // Long ago is nobody's business any more.
    school.fleet.database.sql("UPDATE timetable_handovers SET updated_at = now() - interval '300 days'").await;
    assert_eq!(lesson_on(&school, &first, 1).await, None);
}

#[tokio::test]
async fn lessons_under_a_bell_that_changes_are_told_anew() {
    let school = School::open().await;
    let mut lesson = school.lesson();
    lesson["period"] = json!(1);
    school.office.post("/api/v1/timetable-entries", &lesson).await.expect(201);
    let block = |from: u32| json!({"blocks": [{"name": "Period 1", "period": 1, "start_minute": from, "end_minute": from + 30}]});
    let mut bell = block(540);
    bell["name"] = json!("Short");
    let bell = school.office.post("/api/v1/timetable-columns", &bell).await;
    let day = format!("/api/v1/timetable-days/{}", school.day(1));
    school.office.patch(&day, "\"v1\"", &json!({"column_id": bell.body["id"]})).await.expect(200);
    let feed = feed_with_lessons(&school.teacher).await;
    let before = lesson_on(&school, &feed, 1).await.unwrap();
    assert_eq!(school.office.patch(bell.header("location"), &bell.etag(), &block(550)).await.status, 200);
    let after = lesson_on(&school, &feed, 1).await.unwrap();
    assert_eq!((before.0.as_str(), after.0.as_str(), &after.2), ("090000", "091000", &before.2));
    assert!(after.3 > before.3, "{after:?} after {before:?}");
}
