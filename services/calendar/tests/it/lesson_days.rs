//! One lesson on one day: called off, moved, as usual again, and what must not be in its way.

use chrono::{NaiveDate, SecondsFormat};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Api, count, statuses};
use uuid::Uuid;

use crate::school::{School, on_lesson_day, path_of_slot, with};

const ENTRIES: &str = "/api/v1/timetable-entries";
const BOOKINGS: &str = "/api/v1/room-bookings";

/// When clocks in London show so many minutes since midnight.
fn at(day: NaiveDate, minute: u32) -> String {
    let local = day.and_hms_opt(minute / 60, minute % 60, 0).unwrap().and_local_timezone(chrono_tz::Europe::London).unwrap();
    local.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A lesson of the other class, of the other teacher, in no room.
fn of_others(school: &School, more: &Value) -> Value {
    let others = json!({"class_id": school.other_class, "teacher_id": school.teachers[1]});
    with(with(school.lesson(), &others), more)
}

async fn put_on(school: &School, lesson: &Value) -> String {
    let made = school.office.post(ENTRIES, lesson).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    made.header("location").to_owned()
}

/// The lessons of the class that `who` is shown on a day: when they begin, how they are, and why.
async fn shown(school: &School, who: &Api, ahead: u64) -> Vec<(String, String, Value)> {
    let path = format!("/api/v1/timetable?from={0}&to={0}&class_id={1}", school.day(ahead), school.class);
    let list = who.get(&path).await.expect(200);
    let text = |lesson: &Value, name: &str| lesson[name].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(|one| (text(one, "starts_at"), text(one, "state"), one["reason"].clone())).collect()
}

fn moved(from: u32, to: u32) -> Value {
    json!({"state": "moved", "start_minute": from, "end_minute": to})
}

fn refusal(answer: &Answer) -> (u16, Vec<&str>) {
    (answer.status, answer.pointers())
}

#[tokio::test]
async fn a_lesson_is_called_off_on_one_day_and_its_room_and_teacher_are_free_until_it_is_given_again() {
    let school = School::open().await;
    let room = school.room("Laboratory").await;
    let path = put_on(&school, &with(school.lesson(), &json!({"room_id": room}))).await;
    let day = format!("{path}/days/{}", school.day(1));
    let seen = school.student.get(&day).await;
    assert_eq!((seen.status, seen.etag().as_str(), &seen.body["state"]), (200, "\"v1\"", &json!("as_usual")));
    let off = json!({"state": "cancelled", "reason": "Excursion"});
    let called_off = on_lesson_day(&school.office, &path, school.day(1), &off).await;
    assert_eq!((called_off.status, called_off.etag().as_str()), (200, "\"v2\""), "{:#}", called_off.body);
    let nine = |ahead: u64| at(school.day(ahead), 540);
    for who in [&school.student, &school.parent, &school.teacher, &school.office] {
        assert_eq!(shown(&school, who, 1).await, [(nine(1), "cancelled".to_owned(), json!("Excursion"))]);
        assert_eq!(shown(&school, who, 8).await, [(nine(8), "as_usual".to_owned(), Value::Null)]);
    }
    assert_eq!(school.other_student.get(&day).await.status, 404);
    // Nobody can stand in for what is not given, its room is free, and its teacher too.
    let cover = json!({"teacher_id": school.teachers[1], "valid_from": school.day(1), "valid_to": school.day(1)});
    assert_eq!(refusal(&school.office.post(&format!("{path}/cover"), &cover).await), (422, vec!["/valid_from"]));
    let meeting = json!({"kind": "meeting", "title": "Talk", "starts_at": nine(1), "ends_at": at(school.day(1), 550)});
    let talk = path_of_slot(&school.teacher.post("/api/v1/appointment-slots", &meeting).await);
    let choir = json!({"room_id": room, "purpose": "Choir", "starts_at": nine(1), "ends_at": at(school.day(1), 600)});
    let choir = school.teacher.post(BOOKINGS, &choir).await;
    assert_eq!(choir.status, 201, "{:#}", choir.body);
    let refused = school.office.delete(&day, &called_off.etag()).await;
    assert_eq!(refusal(&refused), (409, vec!["/room_id"]), "somebody else is there: {:#}", refused.body);
    assert_eq!(school.teacher.delete(choir.header("location"), &choir.etag()).await.status, 204);
    let refused = school.office.delete(&day, &called_off.etag()).await;
    assert_eq!(refusal(&refused), (409, vec!["/start_minute"]), "its teacher has promised the time: {:#}", refused.body);
    assert_eq!(school.teacher.delete(&talk, &school.teacher.get(&talk).await.etag()).await.status, 204);
    assert_eq!(school.office.delete(&day, "\"v1\"").await.status, 412);
    assert_eq!(school.office.delete(&day, &called_off.etag()).await.status, 204);
    assert_eq!(shown(&school, &school.parent, 1).await, [(nine(1), "as_usual".to_owned(), Value::Null)]);
    let again = school.office.get(&day).await;
    assert_eq!((again.etag().as_str(), &again.body["reason"]), ("\"v3\"", &Value::Null));
    assert_eq!(school.office.delete(&day, &again.etag()).await.status, 404, "it is as usual");
    assert_eq!((school.told("timetable:cancelled").await, school.told("timetable:restored").await), (1, 1));
}

#[tokio::test]
async fn a_lesson_is_moved_on_one_day_to_another_time_and_another_room() {
    let school = School::open().await;
    let (laboratory, hall) = (school.room("Laboratory").await, school.room("Hall").await);
    let path = put_on(&school, &with(school.lesson(), &json!({"room_id": laboratory, "period": 1}))).await;
    let day = school.day(1);
    let afternoon = with(moved(840, 885), &json!({"room_id": hall, "period": 6, "reason": "The laboratory is being cleaned"}));
    let said = on_lesson_day(&school.office, &path, day, &afternoon).await.expect(200);
    assert_eq!((&said["state"], &said["room_id"], &said["period"]), (&json!("moved"), &json!(hall), &json!(6)));
    for who in [&school.student, &school.parent, &school.teacher] {
        let list = who.get(&format!("/api/v1/timetable?from={day}&to={day}&class_id={}", school.class)).await.expect(200);
        let lesson = &list["items"][0];
        assert_eq!((&lesson["starts_at"], &lesson["ends_at"]), (&json!(at(day, 840)), &json!(at(day, 885))));
        assert_eq!((&lesson["room_id"], &lesson["period"], &lesson["state"]), (&json!(hall), &json!(6), &json!("moved")));
    }
    let in_room = async |room: &str| {
        let list = school.teacher.get(&format!("/api/v1/timetable?from={day}&to={day}&room_id={room}")).await.expect(200);
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((in_room(&laboratory).await, in_room(&hall).await), (0, 1));
    // What else wants a room or the teacher meets it where it is that day, and nowhere else.
    let booking =
        |room: &str, from: u32| json!({"room_id": room, "purpose": "Choir", "starts_at": at(day, from), "ends_at": at(day, from + 40)});
    assert_eq!(refusal(&school.teacher.post(BOOKINGS, &booking(&hall, 850)).await), (409, vec!["/room_id"]));
    school.teacher.post(BOOKINGS, &booking(&laboratory, 545)).await.expect(201);
    let talk = |from: u32| json!({"kind": "meeting", "title": "Talk", "starts_at": at(day, from), "ends_at": at(day, from + 10)});
    assert_eq!(refusal(&school.teacher.post("/api/v1/appointment-slots", &talk(850)).await), (409, vec!["/teacher_id"]));
    school.teacher.post("/api/v1/appointment-slots", &talk(550)).await.expect(201);
    assert_eq!(school.office.get(&format!("/api/v1/conflicts?from={day}&to={day}")).await.expect(200)["items"], json!([]));
    // An event may be in its way all the same, which is told.
    school.put_in(&school.office, &json!({"title": "Play", "start_date": day, "room_id": hall})).await;
    let found = school.office.get(&format!("/api/v1/conflicts?from={day}&to={day}&room_id={hall}")).await.expect(200);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["second"]["starts_at"]), (1, &json!(at(day, 840))));
    // Somewhere that is booked it can't be moved to, nor back; nor to where its teacher has an appointment.
    school.teacher.post("/api/v1/appointment-slots", &talk(960)).await.expect(201);
    assert_eq!(
        refusal(&on_lesson_day(&school.office, &path, day, &with(moved(940, 985), &json!({"room_id": hall}))).await),
        (409, vec!["/start_minute"])
    );
    assert_eq!(refusal(&on_lesson_day(&school.office, &path, day, &moved(560, 605)).await), (409, vec!["/room_id"]));
    let seen = school.office.get(&format!("{path}/days/{day}")).await;
    assert_eq!(refusal(&school.office.delete(&format!("{path}/days/{day}"), &seen.etag()).await), (409, vec!["/room_id"]));
    // What is said last is all that is said.
    let room_only = on_lesson_day(&school.office, &path, school.day(8), &json!({"state": "moved", "room_id": hall})).await.expect(200);
    assert_eq!((&room_only["start_minute"], &room_only["period"]), (&Value::Null, &Value::Null));
    assert_eq!(shown(&school, &school.student, 8).await[0].0, at(school.day(8), 540), "at its usual time");
    assert_eq!(school.told("timetable:moved").await, 2);
}

#[tokio::test]
async fn what_can_not_be_is_refused_and_others_may_not() {
    let school = School::open().await;
    let (room, gone) = (school.room("Laboratory").await, school.office.post("/api/v1/rooms", &json!({"name": "Old"})).await);
    let path = put_on(&school, &with(school.lesson(), &json!({"room_id": room, "period": 1}))).await;
    assert_eq!(school.office.delete(gone.header("location"), &gone.etag()).await.status, 204);
    let day = school.day(1);
    for (body, status, pointers) in [
        (json!({"state": "moved"}), 422, vec!["/state"]),
        (json!({"state": "moved", "room_id": room, "period": 1}), 422, vec!["/state"]),
        (json!({"state": "cancelled", "start_minute": 600, "end_minute": 645}), 422, vec!["/start_minute", "/end_minute"]),
        (json!({"state": "moved", "start_minute": 600}), 422, vec!["/end_minute"]),
        (moved(645, 600), 422, vec!["/end_minute"]),
        (moved(1440, 1441), 422, vec!["/start_minute", "/end_minute"]),
        (json!({"state": "moved", "period": 100, "start_minute": 600, "end_minute": 645}), 422, vec!["/period"]),
        (json!({"state": "moved", "period": 2}), 422, vec!["/start_minute"]),
        (json!({"state": "moved", "room_id": Uuid::now_v7()}), 422, vec!["/room_id"]),
        (json!({"state": "moved", "room_id": gone.body["id"]}), 422, vec!["/room_id"]),
    ] {
        let answer = on_lesson_day(&school.office, &path, day, &body).await;
        assert_eq!(refusal(&answer), (status, pointers), "{body}: {:#}", answer.body);
    }
    for body in [
        json!({"state": "as_usual"}),
        json!({"state": "cancelled", "day": day}),
        json!({"reason": "x"}),
        json!({"state": "cancelled", "reason": ""}),
    ] {
        assert_eq!(on_lesson_day(&school.office, &path, day, &body).await.status, 422, "{body}");
    }
    let off = json!({"state": "cancelled"});
    let put = async |who: &Api, path: &str, etag: Option<&str>| {
        let request = who.request(reqwest::Method::PUT, path).json(&off);
        who.send(etag.into_iter().fold(request, |request, etag| request.header("If-Match", etag))).await.status
    };
    let on = |day: &dyn std::fmt::Display| format!("{path}/days/{day}");
    assert_eq!(put(&school.office, &on(&day), None).await, 428);
    assert_eq!(put(&school.office, &on(&day), Some("\"v9\"")).await, 412);
    assert_eq!(put(&school.office, &on(&"someday"), Some("\"v1\"")).await, 400);
    assert_eq!(put(&school.office, &on(&"3000-01-01"), Some("\"v1\"")).await, 400);
    assert_eq!(put(&school.office, &format!("{ENTRIES}/x/days/{day}"), Some("\"v1\"")).await, 400);
    assert_eq!(put(&school.office, &format!("{ENTRIES}/{}/days/{day}", Uuid::now_v7()), Some("\"v1\"")).await, 404);
    let other_day = on_lesson_day(&school.office, &path, school.day(2), &off).await;
    assert_eq!(refusal(&other_day), (422, vec!["path:day"]), "it is no day of the lesson");
    assert_eq!(on_lesson_day(&school.office, &path, school.day(99), &off).await.status, 422, "the year is over");
    let cover = json!({"teacher_id": school.teachers[1], "valid_from": day, "valid_to": day});
    let cover = put_on_cover(&school, &path, &cover).await;
    assert_eq!(put(&school.office, &format!("{cover}/days/{day}"), Some("\"v1\"")).await, 404, "cover goes with its lesson");
    for who in [&school.teacher, &school.student, &school.parent, &school.staff] {
        assert_eq!(put(who, &on(&day), Some("\"v1\"")).await, 403);
        assert_eq!(who.delete(&on(&day), "\"v1\"").await.status, 403);
    }
    // Another school's lesson does not exist, and its room neither.
    assert_eq!(put(&school.outsider, &on(&day), Some("\"v1\"")).await, 404);
    assert_eq!((school.outsider.get(&on(&day)).await.status, school.outsider.delete(&on(&day), "\"v1\"").await.status), (404, 404));
    let theirs = school.outsider.post("/api/v1/rooms", &json!({"name": "Theirs"})).await.expect(201);
    let there = on_lesson_day(&school.office, &path, day, &json!({"state": "moved", "room_id": theirs["id"]})).await;
    assert_eq!(refusal(&there), (422, vec!["/room_id"]));
    assert_eq!(school.count("SELECT count(*) FROM timetable_lesson_days").await, 0);
}

async fn put_on_cover(school: &School, path: &str, cover: &Value) -> String {
    let made = school.office.post(&format!("{path}/cover"), cover).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    made.header("location").to_owned()
}

#[tokio::test]
async fn a_teacher_a_room_and_a_class_are_in_one_place_also_where_a_lesson_was_moved() {
    let school = School::open().await;
    let room = school.room("Laboratory").await;
    let day = school.day(1);
    let path = put_on(&school, &with(school.lesson(), &json!({"room_id": room, "period": 1}))).await;
    // At ten: each shares one thing with it.
    let ten = json!({"start_minute": 600, "end_minute": 645, "period": 2});
    for (shared, pointer) in [
        (json!({"teacher_id": school.teachers[0]}), "/start_minute"),
        (json!({"room_id": room}), "/room_id"),
        (json!({"class_id": school.class}), "/start_minute"),
    ] {
        let made = school.office.post(ENTRIES, &of_others(&school, &with(ten.clone(), &shared))).await;
        let refused = on_lesson_day(&school.office, &path, day, &moved(630, 675)).await;
        assert_eq!(refusal(&refused), (409, vec![pointer]), "{shared}: {:#}", refused.body);
        // On a day on which it is not given it is in nobody's way.
        on_lesson_day(&school.office, made.header("location"), day, &json!({"state": "cancelled"})).await.expect(200);
        on_lesson_day(&school.office, &path, day, &moved(630, 675)).await.expect(200);
        let off = format!("{}/days/{day}", made.header("location"));
        let back = school.office.delete(&off, "\"v2\"").await;
        assert_eq!(refusal(&back), (409, vec![pointer]), "and can't come back meanwhile: {:#}", back.body);
        assert_eq!(school.office.delete(made.header("location"), &made.etag()).await.status, 204);
        // Nor can it be put on, be changed to be there, or another be moved there.
        let new = school.office.post(ENTRIES, &of_others(&school, &with(ten.clone(), &shared))).await;
        let own = *shared.as_object().unwrap().keys().collect::<Vec<_>>().first().unwrap();
        assert_eq!(refusal(&new), (409, vec![format!("/{own}").as_str()]), "{:#}", new.body);
        let noon = json!({"start_minute": 720, "end_minute": 765, "period": 4});
        let other = school.office.post(ENTRIES, &of_others(&school, &with(noon, &shared))).await;
        let into = school.office.patch(other.header("location"), &other.etag(), &json!({"start_minute": 600, "end_minute": 645})).await;
        assert_eq!(refusal(&into), (409, vec![format!("/{own}").as_str()]), "{:#}", into.body);
        let too = on_lesson_day(&school.office, other.header("location"), day, &moved(660, 700)).await;
        assert_eq!(refusal(&too), (409, vec![pointer]), "{:#}", too.body);
        assert_eq!(school.office.delete(other.header("location"), &other.etag()).await.status, 204);
        let seen = school.office.get(&format!("{path}/days/{day}")).await;
        assert_eq!(school.office.delete(&format!("{path}/days/{day}"), &seen.etag()).await.status, 204);
    }
}

#[tokio::test]
async fn two_lessons_of_a_class_are_not_in_one_period_of_a_day() {
    let school = School::open().await;
    let path = put_on(&school, &with(school.lesson(), &json!({"period": 1}))).await;
    let second = json!({"period": 2, "start_minute": 600, "end_minute": 645, "teacher_id": null});
    put_on(&school, &with(school.lesson(), &second)).await;
    let third =
        put_on(&school, &with(school.lesson(), &json!({"period": 3, "start_minute": 660, "end_minute": 705, "teacher_id": null}))).await;
    let day = school.day(1);
    let into = |period: u8, from: u32| with(moved(from, from + 30), &json!({"period": period}));
    let refused = on_lesson_day(&school.office, &path, day, &into(2, 800)).await;
    assert_eq!(refusal(&refused), (409, vec!["/period"]), "they would have one register: {:#}", refused.body);
    on_lesson_day(&school.office, &path, day, &into(7, 800)).await.expect(200);
    let refused = on_lesson_day(&school.office, &third, day, &into(7, 900)).await;
    assert_eq!(refusal(&refused), (409, vec!["/period"]), "{:#}", refused.body);
    // What it has left is free for another.
    on_lesson_day(&school.office, &third, day, &into(1, 540)).await.expect(200);
}

#[tokio::test]
async fn whoever_stands_in_for_a_lesson_that_was_moved_must_be_free_where_it_is() {
    let school = School::open().await;
    let day = school.day(1);
    let path = put_on(&school, &school.lesson()).await;
    let others = put_on(&school, &of_others(&school, &json!({"start_minute": 600, "end_minute": 645}))).await;
    on_lesson_day(&school.office, &path, day, &moved(610, 655)).await.expect(200);
    let cover = |ahead: u64| json!({"teacher_id": school.teachers[1], "valid_from": school.day(ahead), "valid_to": school.day(ahead)});
    let refused = school.office.post(&format!("{path}/cover"), &cover(1)).await;
    assert_eq!(refusal(&refused), (409, vec!["/teacher_id"]), "{:#}", refused.body);
    put_on_cover(&school, &path, &cover(8)).await;
    // Nor is a lesson moved to where whoever stands in gives their own.
    let refused = on_lesson_day(&school.office, &path, school.day(8), &moved(610, 655)).await;
    assert_eq!(refusal(&refused), (409, vec!["/start_minute"]), "{:#}", refused.body);
    on_lesson_day(&school.office, &others, school.day(8), &json!({"state": "cancelled"})).await.expect(200);
    on_lesson_day(&school.office, &path, school.day(8), &moved(610, 655)).await.expect(200);
}

#[tokio::test]
async fn a_day_or_a_bell_that_would_bring_lessons_into_the_way_of_one_that_was_moved_is_refused() {
    let school = School::open().await;
    let day = school.day(1);
    let path = put_on(&school, &with(school.lesson(), &json!({"period": 1}))).await;
    put_on(&school, &with(school.lesson(), &json!({"period": 2, "start_minute": 600, "end_minute": 645}))).await;
    // Under a bell it goes to where that has the period.
    let block = |period: u8, from: u32| json!({"name": format!("Period {period}"), "period": period, "start_minute": from, "end_minute": from + 30});
    let bell = json!({"name": "Short", "blocks": [block(1, 540), block(2, 570), block(5, 660)]});
    let bell = school.office.post("/api/v1/timetable-columns", &bell).await;
    let days = format!("/api/v1/timetable-days/{day}");
    let under = json!({"column_id": bell.body["id"]});
    school.office.patch(&days, "\"v1\"", &under).await.expect(200);
    let said = on_lesson_day(&school.office, &path, day, &json!({"state": "moved", "period": 5})).await.expect(200);
    assert_eq!((&said["start_minute"], &said["end_minute"]), (&json!(660), &json!(690)));
    let refused = on_lesson_day(&school.office, &path, day, &json!({"state": "moved", "period": 6})).await;
    assert_eq!(refusal(&refused), (422, vec!["/start_minute"]), "the bell has no such period");
    let later = json!({"blocks": [block(1, 540), block(2, 650)]});
    let refused = school.office.patch(bell.header("location"), &bell.etag(), &later).await;
    assert_eq!(refusal(&refused), (409, vec!["/blocks"]), "{:#}", refused.body);
    // It stays where it was moved to, also where its bell no longer has its period.
    let without = json!({"blocks": [block(2, 570)]});
    let bell = school.office.patch(bell.header("location"), &bell.etag(), &without).await;
    assert_eq!(bell.status, 200, "{:#}", bell.body);
    let times: Vec<String> = shown(&school, &school.student, 1).await.into_iter().map(|(at, ..)| at).collect();
    assert_eq!(times, [at(day, 570), at(day, 660)]);
    // The day is no longer under the bell, and the second lesson at its usual minutes.
    on_lesson_day(&school.office, &path, day, &with(moved(610, 640), &json!({"period": 5}))).await.expect(200);
    let seen = school.office.get(&days).await.etag();
    assert_eq!(seen, "\"v3\"", "its bell has changed");
    let refused = school.office.patch(&days, &seen, &json!({"column_id": null})).await;
    assert_eq!(refusal(&refused), (409, vec!["/rotation_day"]), "{:#}", refused.body);
}

#[tokio::test]
async fn a_lesson_that_changes_keeps_the_days_on_which_it_was_moved_and_one_that_goes_takes_them_along() {
    let school = School::open().await;
    let lesson = school.office.post(ENTRIES, &school.lesson()).await;
    let (path, day) = (lesson.header("location").to_owned(), school.day(8));
    on_lesson_day(&school.office, &path, day, &moved(840, 885)).await.expect(200);
    let later = school.office.patch(&path, &lesson.etag(), &json!({"start_minute": 600, "end_minute": 645})).await;
    assert_eq!(later.status, 200, "{:#}", later.body);
    assert_eq!(shown(&school, &school.student, 8).await[0].0, at(day, 840), "it stays where it was moved to");
    assert_eq!(shown(&school, &school.student, 1).await[0].0, at(school.day(1), 600));
    for change in [json!({"rotation_day": school.weekday(3)}), json!({"valid_to": school.day(2)})] {
        let refused = school.office.patch(&path, &later.etag(), &change).await;
        assert_eq!(refusal(&refused), (409, vec!["/rotation_day"]), "{change}: {:#}", refused.body);
    }
    assert_eq!(school.office.delete(&path, &later.etag()).await.status, 204);
    assert!(shown(&school, &school.student, 8).await.is_empty());
    assert_eq!(school.office.get(&format!("{path}/days/{day}")).await.status, 404);
    // Another may be moved to where it was.
    let path = put_on(&school, &school.lesson()).await;
    on_lesson_day(&school.office, &path, day, &moved(840, 885)).await.expect(200);
}

#[tokio::test]
async fn of_fifty_lessons_moved_to_one_room_one_teacher_or_one_class_at_once_one_is() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let day = school.day(1);
    // A lesson every twenty minutes: they share the class, and half of them the teacher; all of them are to be in the hall.
    let mut lessons = Vec::new();
    for n in 0..50_u32 {
        let class = if n % 2 == 0 { school.class } else { school.other_class };
        let teacher = (n % 4 < 2).then_some(school.teachers[0]);
        let more = json!({"class_id": class, "teacher_id": teacher, "start_minute": 20 * n, "end_minute": 20 * n + 10});
        lessons.push(put_on(&school, &with(school.lesson(), &more)).await);
    }
    let answers = join_all(lessons.iter().zip(0_u32..).map(|(path, n)| {
        let (school, room) = (&school, &room);
        let body = with(moved(1200 + n % 20, 1260), &json!({"room_id": room}));
        async move { on_lesson_day(&school.office, path, day, &body).await }
    }))
    .await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM timetable_lesson_days").await, 1);
}

#[tokio::test]
async fn of_fifty_who_move_a_lesson_put_one_on_or_book_the_room_at_once_one_has_it() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let day = school.day(1);
    let path = put_on(&school, &school.lesson()).await;
    let booking = json!({"room_id": room, "purpose": "Choir", "starts_at": at(day, 1205), "ends_at": at(day, 1230)});
    let new = of_others(&school, &json!({"room_id": room, "start_minute": 1200, "end_minute": 1245, "valid_from": day, "valid_to": day}));
    let into = with(moved(1200, 1260), &json!({"room_id": room}));
    let answers = join_all((0..50).map(|n| {
        let (school, path, booking, new, into) = (&school, &path, &booking, &new, &into);
        async move {
            match n % 3 {
                0 => on_lesson_day(&school.office, path, day, into).await,
                1 => school.office.post(ENTRIES, new).await,
                _ => school.teacher.post(BOOKINGS, booking).await,
            }
        }
    }))
    .await;
    // Whoever moves it after it was moved there moves it to where it is, so what is counted is who is there.
    let is_orderly = |answer: &Answer| matches!(answer.status, 200 | 201 | 409 | 412);
    assert!(answers.iter().all(is_orderly), "{:?}", statuses(&answers));
    let there = "SELECT (SELECT count(*) FROM room_bookings) + (SELECT count(*) FROM timetable_lesson_days WHERE state = 'moved')
        + (SELECT count(*) FROM timetable_entries WHERE start_minute = 1200)";
    assert_eq!(school.count(there).await, 1, "{:?}", statuses(&answers));
}

#[tokio::test]
async fn of_fifty_who_move_a_lesson_or_promise_its_teachers_time_at_once_one_has_the_teacher() {
    let school = School::open().await;
    let path = put_on(&school, &school.lesson()).await;
    // Moving is quicker to decide: the second time it comes a little later, so that either is first once.
    for (delay, ahead) in [(0, 1), (6, 8)] {
        let day = school.day(ahead);
        let talk = json!({"kind": "meeting", "title": "Talk", "starts_at": at(day, 1205), "ends_at": at(day, 1230)});
        let answers = join_all((0..50).map(|n| {
            let (school, path, talk) = (&school, &path, &talk);
            async move {
                if n % 2 == 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(delay * n)).await;
                    on_lesson_day(&school.office, path, day, &moved(1200, 1260)).await
                } else {
                    school.teacher.post("/api/v1/appointment-slots", talk).await
                }
            }
        }))
        .await;
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201 | 409 | 412)), "{:?}", statuses(&answers));
        let there = format!(
            "SELECT (SELECT count(*) FROM appointment_slots WHERE starts_at::date = '{day}') + (SELECT count(*) FROM timetable_lesson_days WHERE day = '{day}' AND state = 'moved')"
        );
        assert_eq!(school.count(&there).await, 1, "{:?}", statuses(&answers));
    }
}

#[tokio::test]
async fn of_fifty_who_say_what_is_on_one_day_one_is_heard_and_the_others_learn_of_it() {
    let school = School::open().await;
    let path = put_on(&school, &school.lesson()).await;
    let day = format!("{path}/days/{}", school.day(1));
    let answers =
        join_all(
            (0..50_u32).map(|n| {
                let (school, day) = (&school, &day);
                let body = if n % 2 == 0 { json!({"state": "cancelled", "reason": format!("Reason {n}")}) } else { moved(600 + n, 700) };
                async move {
                    school.office.send(school.office.request(reqwest::Method::PUT, day).header("If-Match", "\"v1\"").json(&body)).await
                }
            }),
        )
        .await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.told("timetable:cancelled").await + school.told("timetable:moved").await, 1);
}
