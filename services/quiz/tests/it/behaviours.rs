//! Immediate feedback, several tries, certainty, marking by hand: what is told when, what it earns, and what happens when everything happens at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{Paper, School, Sitting};

fn behaving(school: &School, behaviour: &str) -> Value {
    let mut settings = school.settings(behaviour);
    settings["behaviour"] = json!(behaviour);
    settings
}

async fn check(school: &School, sitting: &Sitting, slot: &str) -> testkit::Answer {
    school.student.post(&format!("{}/answers/{slot}/check", sitting.path), &json!({})).await
}

async fn submit(school: &School, sitting: &Sitting) -> Value {
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200)
}

/// A quiz of one question that is true and has two hints.
async fn hinted(school: &School, settings: &Value) -> Paper {
    let content = json!({"name": "hinted", "stem": "s", "penalty": 0.25, "hints": ["look again", "think"], "general_feedback": "SECRET advice",
        "answer": {"type": "true_false", "correct": true, "feedback_false": "it is not false"}});
    let body = json!({"category_id": school.category, "content": content, "publish": true});
    let created = school.teacher.post("/api/v1/questions", &body).await.expect(201);
    let mut paper = school.draft(settings, &[created["id"].as_str().unwrap().to_owned()]).await;
    school.publish(&mut paper).await;
    paper
}

#[tokio::test]
async fn an_immediate_answer_is_marked_when_it_is_checked_and_stays_what_it_is() {
    let school = School::open().await;
    let paper = school.given(&behaving(&school, "immediate"), 2).await;
    let sitting = school.start(&school.student, &paper).await;
    let slot = &paper.slots[0];
    assert_eq!(check(&school, &sitting, slot).await.status, 409, "there is nothing to check");
    let saved = school.save(&school.student, &sitting, slot, &json!({"is_true": false})).await.expect(200);
    assert!(saved.get("checked").is_none(), "nothing is told before: {saved:#}");
    let told = check(&school, &sitting, slot).await.expect(200);
    let checked = &told["checked"];
    assert_eq!((&checked["is_final"], &checked["correctness"], &checked["mark"]), (&json!(true), &json!("wrong"), &json!(0)));
    assert!(checked.get("right_answer").is_none() && checked.get("general_feedback").is_none(), "the options don't say so: {told:#}");
    assert_eq!(check(&school, &sitting, slot).await.status, 409);
    assert_eq!(school.save(&school.student, &sitting, slot, &json!({"is_true": true})).await.status, 409);
    school.save(&school.student, &sitting, slot, &json!({"is_true": false})).await.expect(200);
    let shown = school.student.get(&sitting.path).await.expect(200);
    let (first, second) = (&shown["questions"][0], &shown["questions"][1]);
    assert_eq!((&first["checked"]["correctness"], second.get("checked")), (&json!("wrong"), None));
    let changed = json!({"answers": [{"slot_id": slot, "response": {"is_true": true}}]});
    assert_eq!(school.student.post(&format!("{}/submit", paper.path), &changed).await.status, 409, "nor with the last answers");
    let last =
        json!({"answers": [{"slot_id": slot, "response": {"is_true": false}}, {"slot_id": paper.slots[1], "response": {"is_true": true}}]});
    let submitted = school.student.post(&format!("{}/submit", paper.path), &last).await.expect(200);
    assert_eq!(submitted["score"], json!(1));
    school.saved().await;
}

#[tokio::test]
async fn what_is_right_is_told_of_a_final_answer_where_the_options_say_so_and_nowhere_else() {
    let school = School::open().await;
    let during = json!({"correctness": true, "right_answer": true, "general_feedback": true});
    for behaviour in ["deferred", "adaptive", "deferred_certainty", "manual"] {
        let mut settings = behaving(&school, behaviour);
        settings["review_options"] = json!({"during": during});
        assert_eq!(school.teacher.post("/api/v1/quizzes", &settings).await.pointers(), ["/review_options/during"], "{behaviour}");
    }
    let mut settings = behaving(&school, "interactive");
    settings["review_options"] = json!({"during": during});
    let paper = hinted(&school, &settings).await;
    let sitting = school.start(&school.student, &paper).await;
    let slot = &paper.slots[0];
    for (hint, left) in [("look again", 2), ("think", 1)] {
        school.save(&school.student, &sitting, slot, &json!({"is_true": false})).await.expect(200);
        let told = check(&school, &sitting, slot).await.expect(200);
        assert_eq!((&told["checked"]["hint"], &told["checked"]["tries_left"]), (&json!(hint), &json!(left)));
        assert!(!told.to_string().contains("SECRET") && told["checked"].get("right_answer").is_none(), "it can still be changed: {told:#}");
        school.save(&school.student, &sitting, slot, &Value::Null).await.expect(200);
    }
    school.save(&school.student, &sitting, slot, &json!({"is_true": true})).await.expect(200);
    let told = check(&school, &sitting, slot).await.expect(200);
    assert_eq!(
        (&told["checked"]["right_answer"], &told["checked"]["general_feedback"]),
        (&json!({"is_true": true}), &json!("SECRET advice"))
    );
    assert_eq!(submit(&school, &sitting).await["score"], json!(0.5), "two wrong tries at a quarter each");
    school.saved().await;
}

#[tokio::test]
async fn certainty_multiplies_what_is_earned_and_what_is_lost() {
    let school = School::open().await;
    for behaviour in ["deferred_certainty", "immediate_certainty"] {
        let paper = school.given(&behaving(&school, behaviour), 4).await;
        let quiz = school.student.get(&paper.path).await.expect(200);
        assert_eq!((&quiz["max_points"], &quiz["mark_floor"]), (&json!(12), &json!("attempt")), "{behaviour}");
        let sitting = school.start(&school.student, &paper).await;
        let path = |slot: &str| format!("{}/answers/{slot}", sitting.path);
        for (slot, is_true, certainty) in [(0, true, 3), (1, true, 2), (2, false, 2), (3, false, 1)] {
            let body = json!({"response": {"is_true": is_true}, "certainty": certainty});
            let saved = school.put(&school.student, &path(&paper.slots[slot]), &body).await.expect(200);
            assert_eq!(saved["certainty"], json!(certainty));
        }
        let bad = school.put(&school.student, &path(&paper.slots[0]), &json!({"certainty": 4})).await;
        assert_eq!(bad.pointers(), ["/certainty"]);
        if behaviour == "immediate_certainty" {
            let told = check(&school, &sitting, &paper.slots[2]).await.expect(200);
            assert_eq!(told["checked"]["mark"], json!(-2));
            let surer = school.put(&school.student, &path(&paper.slots[2]), &json!({"certainty": 1})).await;
            assert_eq!(surer.status, 409, "nor how sure one was");
        } else {
            assert_eq!(check(&school, &sitting, &paper.slots[2]).await.status, 409);
        }
        assert_eq!(submit(&school, &sitting).await["score"], json!(3), "{behaviour}: 3 + 2 − 2 + 0");
    }
    // Very sure and wrong costs six: the attempt does not go below nothing unless the quiz lets it.
    for (floor, score) in [("attempt", json!(0)), ("none", json!(-6))] {
        let mut settings = behaving(&school, "deferred_certainty");
        settings["mark_floor"] = json!(floor);
        let paper = school.given(&settings, 1).await;
        let sitting = school.start(&school.student, &paper).await;
        let body = json!({"answers": [{"slot_id": paper.slots[0], "response": {"is_true": false}, "certainty": 3}]});
        assert_eq!(school.student.post(&format!("{}/submit", paper.path), &body).await.expect(200)["score"], score, "{floor}");
        assert_eq!(school.score(&sitting).await, score);
    }
    let mut settings = behaving(&school, "deferred_certainty");
    settings["mark_floor"] = json!("question");
    settings["negative_fraction"] = json!(0.5);
    let mut pointers: Vec<String> =
        school.teacher.post("/api/v1/quizzes", &settings).await.pointers().into_iter().map(ToOwned::to_owned).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/mark_floor", "/negative_fraction"]);
    let plain = school.given(&school.settings("Plain"), 1).await;
    let sitting = school.start(&school.student, &plain).await;
    let sure = school.put(&school.student, &format!("{}/answers/{}", sitting.path, plain.slots[0]), &json!({"certainty": 2})).await;
    assert_eq!((sure.status, sure.pointers()), (422, vec!["/certainty"]));
    school.saved().await;
    let wrong = "SELECT count(*) FROM quiz_answers WHERE mark = -2 * max_mark AND certainty = 3 AND max_mark = 3";
    assert_eq!(school.count(wrong).await, 2);
}

#[tokio::test]
async fn a_person_marks_everything_where_the_quiz_says_so() {
    let school = School::open().await;
    let paper = school.given(&behaving(&school, "manual"), 2).await;
    let sitting = school.start(&school.student, &paper).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    assert_eq!(check(&school, &sitting, &paper.slots[0]).await.status, 409);
    let submitted = submit(&school, &sitting).await;
    assert_eq!((&submitted["state"], &submitted["score"]), (&json!("submitted"), &Value::Null));
    let grade = format!("{}/answers/{}/grade", sitting.path, paper.slots[0]);
    school.teacher.patch(&grade, "\"v3\"", &json!({"mark": 0.5})).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(0.5), "what was not answered needs nobody");
}

#[tokio::test]
async fn of_fifty_that_check_save_and_submit_at_once_all_hold_to_one_answer() {
    let school = School::open().await;
    let mut settings = behaving(&school, "immediate");
    settings["max_attempts"] = Value::Null;
    let paper = school.given(&settings, 3).await;
    for round in 0..6 {
        let sitting = school.start(&school.student, &paper).await;
        let slot = &sitting.slots()[0];
        school.save(&school.student, &sitting, slot, &json!({"is_true": false})).await.expect(200);
        let everything = (0..50).map(|n| {
            let (school, sitting) = (&school, &sitting);
            async move {
                match n % 5 {
                    0 | 1 => ("check", check(school, sitting, slot).await),
                    4 if n > 30 => ("submit", school.student.post(&format!("{}/submit", sitting.path), &json!({})).await),
                    _ => ("save", school.save(&school.student, sitting, slot, &json!({"is_true": n % 2 == 0})).await),
                }
            }
        });
        let told = join_all(everything).await;
        let statuses: Vec<(&str, u16)> = told.iter().map(|(what, answer)| (*what, answer.status)).collect();
        assert!(statuses.iter().all(|(_, status)| matches!(status, 200 | 409)), "{statuses:?}");
        let checks: Vec<&Value> =
            told.iter().filter(|(what, answer)| *what == "check" && answer.status == 200).map(|(_, answer)| &answer.body).collect();
        assert!(checks.len() <= 1, "it is checked once: {checks:#?}");
        let review = school.teacher.get(&format!("{}/review", sitting.path)).await.expect(200);
        let kept = review["answers"].as_array().unwrap().iter().find(|answer| answer["slot_id"] == json!(slot)).unwrap().clone();
        if let Some(checked) = checks.first() {
            assert_eq!(kept["response"], checked["response"], "round {round}: what was checked stays");
            assert_eq!(kept["mark"], checked["checked"]["mark"], "round {round}: and earns what was told");
        }
        let sum: f64 = review["answers"].as_array().unwrap().iter().filter_map(|answer| answer["mark"].as_f64()).sum();
        assert_eq!(review["attempt"]["score"].as_f64(), Some(sum));
    }
    school.saved().await;
    let wrong = "SELECT count(*) FROM quiz_attempts a WHERE a.score <> (SELECT sum(mark) FROM quiz_answers w WHERE w.attempt_id = a.id)";
    assert_eq!(school.count(wrong).await, 0);
    assert_eq!(school.count("SELECT count(*) FROM quiz_answers WHERE tries > 1").await, 0);
}
