//! Who sees what, and when.

use serde_json::{Value, json};

use crate::school::{School, png};

#[tokio::test]
async fn other_schools_and_other_classes_find_nothing() {
    let school = School::open().await;
    let question = school.true_or_false("Statement").await;
    let mut paper = school.draft(&school.settings("Ours"), std::slice::from_ref(&question)).await;
    assert_eq!(school.student.get(&paper.path).await.status, 404, "a draft is the teacher's");
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    for stranger in [&school.outsider, &school.other_teacher, &school.other_student] {
        for path in [
            paper.path.clone(),
            format!("{}/results", paper.path),
            format!("{}/attempts", paper.path),
            format!("{}/leaderboard", paper.path),
            sitting.path.clone(),
            format!("{}/review", sitting.path),
        ] {
            assert_eq!(stranger.get(&path).await.status, 404, "{path}");
        }
        assert!(stranger.get("/api/v1/quizzes").await.expect(200)["items"].as_array().unwrap().is_empty());
    }
    assert_eq!(school.outsider.get(&format!("/api/v1/questions/{question}")).await.status, 404);
    assert_eq!(school.outsider.get("/api/v1/questions").await.expect(200)["items"], json!([]));
    assert_eq!(school.other_student.post(&format!("{}/start", paper.path), &json!({})).await.status, 404);
    assert_eq!(school.classmate.get(&sitting.path).await.status, 404, "another student's attempt");
    let slot = &paper.slots[0];
    assert_eq!(school.save(&school.classmate, &sitting, slot, &json!({"is_true": true})).await.status, 404);
    assert_eq!(school.save(&school.teacher, &sitting, slot, &json!({"is_true": true})).await.status, 403, "a teacher answers for nobody");
    for student_only_reads in ["/api/v1/questions", "/api/v1/question-categories"] {
        assert_eq!(school.student.get(student_only_reads).await.status, 403, "the bank is not for students");
        assert_eq!(school.parent.get(student_only_reads).await.status, 403);
    }
    assert_eq!(school.student.get(&format!("{}/slots", paper.path)).await.status, 403);
    assert_eq!(school.student.get(&format!("{}/statistics", paper.path)).await.status, 403);
}

#[tokio::test]
async fn an_exam_shows_nothing_until_it_is_released_and_then_also_to_parents() {
    let school = School::open().await;
    let mut settings = school.settings("Finals");
    settings["kind"] = json!("exam");
    settings["has_leaderboard"] = json!(true);
    let mut paper = school.given(&settings, 2).await;
    let sitting = school.start(&school.student, &paper).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    assert!(
        school.parent.get(&sitting.path).await.expect(200).get("questions").is_none(),
        "a parent does not see the paper while it is sat"
    );
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!((&submitted["state"], &submitted["score"]), (&json!("submitted"), &Value::Null));
    let review = format!("{}/review", sitting.path);
    for reader in [&school.student, &school.parent] {
        assert_eq!(reader.get(&review).await.status, 409);
        assert_eq!(reader.get(&format!("{}/leaderboard", paper.path)).await.status, 409, "it would tell the results");
        let attempt = reader.get(&sitting.path).await.expect(200);
        assert_eq!((&attempt["state"], &attempt["score"]), (&json!("submitted"), &Value::Null));
        let results = reader.get(&format!("{}/results", paper.path)).await.expect(200);
        assert_eq!(results["results"][0]["result"], Value::Null, "{results:#}");
    }
    assert_eq!(school.score(&sitting).await, json!(1), "its teacher sees it");
    let released = school.teacher.post_if(&format!("{}/release", paper.path), &paper.etag, &json!({})).await;
    paper.etag = released.etag();
    released.expect(200);
    for reader in [&school.student, &school.parent] {
        let answers = reader.get(&review).await.expect(200);
        assert_eq!(answers["answers"][0]["mark"], json!(1));
        assert_eq!(answers["answers"][1]["right_answer"], json!({"is_true": true}));
        let results = reader.get(&format!("{}/results", paper.path)).await.expect(200);
        assert_eq!(results["results"][0]["result"], json!(1));
    }
    assert_eq!(school.classmate.get(&review).await.status, 404);
}

#[tokio::test]
async fn what_is_right_is_in_no_answer_to_a_student_before_the_review_shows_it() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Secrets"), 3).await;
    let sitting = school.start(&school.student, &paper).await;
    let saved = school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": false})).await.expect(200);
    let shown = [
        sitting.body.clone(),
        saved,
        school.student.get(&sitting.path).await.expect(200),
        school.student.get(&paper.path).await.expect(200),
        school.student.get(&format!("{}/attempts", paper.path)).await.expect(200),
        school.student.get(&format!("{}/results", paper.path)).await.expect(200),
    ];
    for body in shown {
        for secret in ["SECRET", "correct\"", "right_answer\":{", "\"mark\"", "accepted"] {
            assert!(!body.to_string().contains(secret), "{secret} in {body:#}");
        }
    }
    assert_eq!(school.student.get(&format!("{}/review", sitting.path)).await.status, 409);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    let review = school.student.get(&format!("{}/review", sitting.path)).await.expect(200);
    assert!(review["answers"].as_array().unwrap().iter().all(|answer| answer.get("right_answer").is_none()), "{review:#}");
}

#[tokio::test]
async fn a_leaderboard_has_ties_and_leaves_out_who_does_not_want_to_be_on_it() {
    let school = School::open().await;
    let mut settings = school.settings("Race");
    settings["has_leaderboard"] = json!(true);
    let paper = school.given(&settings, 2).await;
    for who in [&school.student, &school.classmate] {
        let sitting = school.start(who, &paper).await;
        school.save(who, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
        who.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    }
    let board = format!("{}/leaderboard", paper.path);
    let shown = school.student.get(&board).await.expect(200);
    let ranks: Vec<&Value> = shown["places"].as_array().unwrap().iter().map(|place| &place["rank"]).collect();
    assert_eq!(ranks, [&json!(1), &json!(1)], "{shown:#}");
    assert_eq!(shown["own"]["student_id"], json!(school.student_id));
    school.put(&school.classmate, "/api/v1/quiz-preferences", &json!({"hides_from_leaderboards": true})).await.expect(200);
    let shown = school.teacher.get(&board).await.expect(200);
    assert_eq!(shown["places"].as_array().unwrap().len(), 1, "{shown:#}");
    assert_eq!(school.classmate.get("/api/v1/quiz-preferences").await.expect(200)["hides_from_leaderboards"], json!(true));
}

#[tokio::test]
async fn a_leaderboard_that_was_lost_is_whole_again_when_it_is_read() {
    use fred::interfaces::KeysInterface;
    let school = School::open().await;
    let mut settings = school.settings("Race");
    settings["has_leaderboard"] = json!(true);
    settings["max_attempts"] = Value::Null;
    let paper = school.given(&settings, 2).await;
    let sit = async |who: &testkit::Api, right: usize| {
        let sitting = school.start(who, &paper).await;
        for slot in &paper.slots[..right] {
            school.save(who, &sitting, slot, &json!({"is_true": true})).await.expect(200);
        }
        who.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    };
    let results = async || {
        let shown = school.teacher.get(&format!("{}/leaderboard", paper.path)).await.expect(200);
        shown["places"].as_array().unwrap().iter().map(|place| place["result"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    sit(&school.student, 1).await;
    assert_eq!(results().await, [1.0]);
    let keys = format!("{{{}}}:{}", school.id, paper.path.rsplit('/').next().unwrap());
    let gone: u32 = school.fleet.platform.redis().del(cache::key::leaderboard(&format!("quiz:{keys}"))).await.unwrap();
    assert_eq!(gone, 1);
    sit(&school.classmate, 2).await;
    assert_eq!(results().await, [2.0, 1.0], "not only who submitted since");
    sit(&school.student, 2).await;
    assert_eq!(results().await, [2.0, 2.0]);
}

/// Every body that `reader` can get about a quiz and an attempt, as the bytes that go over the line.
async fn told(reader: &testkit::Api, paper: &crate::school::Paper, sitting: &crate::school::Sitting) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for path in [
        "/api/v1/quizzes".to_owned(),
        paper.path.clone(),
        format!("{}/attempts", paper.path),
        format!("{}/results", paper.path),
        format!("{}/leaderboard", paper.path),
        format!("{}/slots", paper.path),
        format!("{}/statistics", paper.path),
        format!("{}/overrides", paper.path),
        sitting.path.clone(),
        format!("{}/review", sitting.path),
    ] {
        let answer = reader.request(reqwest::Method::GET, &path).send().await.unwrap();
        told.push((path, answer.text().await.unwrap()));
    }
    told
}

/// An answer of each type. Whatever only a teacher may see says SECRET, or is a number that stands nowhere else.
fn one_of_each() -> Vec<(&'static str, Value)> {
    let option = |text: &str, fraction: f64| json!({"text": text, "fraction": fraction, "feedback": "SECRET"});
    vec![
        ("single", json!({"type": "single_choice", "options": [option("a", 1.0), option("b", -0.125)]})),
        ("multiple", json!({"type": "multiple_choice", "options": [option("a", 0.625), option("b", 0.375), option("c", -0.5)]})),
        ("truth", json!({"type": "true_false", "correct": true, "feedback_true": "SECRET"})),
        ("short", json!({"type": "short_answer", "accepted": [{"text": "SECRET"}]})),
        (
            "number",
            json!({"type": "numerical", "accepted": [{"value": "31337", "tolerance": "0.625"}], "units": [{"symbol": "m", "per_first": 1}]}),
        ),
        ("matching", json!({"type": "matching", "pairs": [{"premise": "p", "target": "t"}, {"premise": "q", "target": "u"}]})),
        ("ordering", json!({"type": "ordering", "items": [{"text": "x"}, {"text": "y"}], "scoring": "neighbours"})),
        (
            "cloze",
            json!({"type": "cloze", "gaps": [{"key": "1", "weight": 3, "blank": {"kind": "text", "accepted": [{"text": "SECRET"}]}}]}),
        ),
        (
            "select",
            json!({"type": "select_words", "places": [{"key": "1", "choice": 1}, {"key": "2", "choice": 2}], "choices": [{"text": "cat"}, {"text": "mat"}]}),
        ),
        (
            "drag",
            json!({"type": "drag_words", "places": [{"key": "1", "choice": 1}, {"key": "2", "choice": 2}], "choices": [{"text": "cat"}, {"text": "mat"}]}),
        ),
        (
            "picture",
            json!({"type": "drag_onto_picture", "picture": {"name": "m.png", "data": png(320, 200)}, "places": [{"at": {"x": 1, "y": 1}, "choice": 2}],
                "choices": [{"text": "a"}, {"text": "b"}]}),
        ),
        (
            "markers",
            json!({"type": "drag_markers", "picture": {"name": "m.png", "data": png(320, 200)}, "markers": [{"text": "a"}, {"text": "b"}],
                "zones": [{"shape": {"kind": "circle", "x": 171, "y": 173, "radius": 17}, "marker": 2}]}),
        ),
        (
            "calculated",
            json!({"type": "calculated", "accepted": [{"formula": "{a} + 31337", "feedback": "SECRET"}], "wildcards": [{"name": "a", "values": [1, 2]}]}),
        ),
        ("essay", json!({"type": "essay", "marking_guide": "SECRET"})),
        ("text", json!({"type": "description"})),
    ]
}

#[tokio::test]
async fn no_byte_of_what_is_right_leaves_the_service_before_the_review_opens_whatever_the_type() {
    let school = School::open().await;
    let mut ids = Vec::new();
    for (name, answer) in one_of_each() {
        ids.push(school.question(name, answer).await);
    }
    let mut settings = school.settings("Finals");
    settings["kind"] = json!("exam");
    settings["has_leaderboard"] = json!(true);
    settings["password"] = json!("blackboard");
    let mut paper = school.draft(&settings, &ids).await;
    school.publish(&mut paper).await;
    let started = school.student.post(&format!("{}/start", paper.path), &json!({"password": "blackboard"})).await.expect(201);
    let sitting = crate::school::Sitting { path: format!("/api/v1/attempts/{}", started["id"].as_str().unwrap()), body: started.clone() };
    let mut bodies = vec![("start".to_owned(), started.to_string())];
    for question in started["questions"].as_array().unwrap() {
        let slot = question["slot_id"].as_str().unwrap();
        for response in
            [json!({"is_true": false}), json!({"text": "words"}), json!({"number": "1"}), json!({"keys": []}), json!({"gaps": {"1": "x"}})]
        {
            bodies.push((format!("save {slot}"), school.save(&school.student, &sitting, slot, &response).await.body.to_string()));
        }
        let check = format!("{}/answers/{slot}/check", sitting.path);
        bodies.push((format!("check {slot}"), school.student.post(&check, &json!({})).await.body.to_string()));
    }
    bodies.extend(told(&school.student, &paper, &sitting).await);
    bodies.extend(told(&school.parent, &paper, &sitting).await);
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    bodies.push(("submit".to_owned(), submitted.to_string()));
    bodies.extend(told(&school.student, &paper, &sitting).await);
    bodies.extend(told(&school.parent, &paper, &sitting).await);
    let secrets = [
        "SECRET",
        "31337",
        "0.625",
        "-0.125",
        "pbkdf2",
        "blackboard",
        "neighbours",
        "\"accepted\"",
        "\"correct\"",
        "\"tolerance",
        "\"weight\"",
        "\"pairs\"",
        "\"target_key\"",
        "\"marking_guide\"",
        "\"right_answer\":{",
        "\"mark\":",
        "\"feedback\":[",
        "\"choice\":",
        "\"zones\"",
        "\"shape\"",
        "wildcards",
        "formula",
        "\"hint",
        "\"fraction\":0",
        "\"fraction\":1",
        "\"fraction\":-",
    ];
    for (path, body) in &bodies {
        for secret in secrets {
            assert!(!body.contains(secret), "{secret} in {path}: {body}");
        }
    }
    // They would be found if they were there.
    let all = school.teacher.get(&format!("{}/review", sitting.path)).await.expect(200).to_string();
    assert!(["SECRET", "31337", "\"mark\":", "\"right_answer\":{"].iter().all(|secret| all.contains(secret)), "{all}");
}
