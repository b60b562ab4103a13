//! The same rules in the tables themselves, for whoever comes there in another way.

use store::StoreError;
use uuid::Uuid;

use crate::school::School;

#[tokio::test]
async fn the_tables_refuse_what_the_service_would() {
    let school = School::open().await;
    let path = school.take(&school.teacher, school.today, ["P", "P", "P"]).await.header("location").to_owned();
    school.saved().await;
    let (id, school_id, class, new) = (path.rsplit('/').next().unwrap(), school.id, school.class, Uuid::now_v7);
    let [pupil, ..] = school.pupils;
    let (user, today, tomorrow) = (school.user(0), school.today, school.day(-2));
    school
        .attacker()
        .refused(
            "attendance_sessions_once",
            &format!(
                "INSERT INTO attendance_sessions (school_id, id, class_id, held_on) VALUES ('{school_id}', '{}', '{class}', '{today}')",
                new()
            ),
        )
        .await;
    school
        .attacker()
        .refused(
            "attendance_sessions_no_future",
            &format!(
                "INSERT INTO attendance_sessions (school_id, id, class_id, held_on) VALUES ('{school_id}', '{}', '{class}', '{tomorrow}')",
                new()
            ),
        )
        .await;
    school
        .attacker()
        .refused("attendance_sessions_locked_at", &format!("UPDATE attendance_sessions SET state = 'locked' WHERE id = '{id}'"))
        .await;
    school.attacker().refused("attendance_records_minutes_late_check", "UPDATE attendance_records SET minutes_late = -1").await;
    school.attacker().refused("attendance_records_office_counts", "UPDATE attendance_records SET office_code = 'A'").await;
    school
        .attacker()
        .refused("attendance_records_school_id_code_fkey", "UPDATE attendance_records SET code = '?', teacher_code = NULL")
        .await;
    // A second daily mark, through another class's register.
    let (register, other) = (new(), school.other_class);
    school
        .attacker()
        .refused(
            "attendance_records_one_a_day",
            &format!(
            "INSERT INTO attendance_sessions (school_id, id, class_id, held_on) VALUES ('{school_id}', '{register}', '{other}', '{today}');
             INSERT INTO attendance_records (school_id, id, session_id, student_id, held_on, kind, code, marked_by, marked_at)
             VALUES ('{school_id}', '{}', '{register}', '{pupil}', '{today}', 'daily', 'P', '{user}', now())",
            new()
        ),
        )
        .await;
    school.attacker().refused("attendance_codes_one_default", "UPDATE attendance_codes SET is_default = true WHERE code = 'A'").await;
    school.attacker().refused("attendance_codes_one_spelling", "UPDATE attendance_codes SET code = 'p' WHERE code = 'T'").await;
    school.attacker().refused("attendance_codes_leave_is_excused", "UPDATE attendance_codes SET is_leave = true WHERE code = 'A'").await;
    let correction = |role: &str, reason: &str| {
        format!(
            "INSERT INTO attendance_corrections (school_id, id, session_id, session_version, corrected_by, role, after_lock, reason, changes)
             VALUES ('{school_id}', '{}', '{id}', 2, '{user}', '{role}', true, {reason}, '[{{}}]')",
            new()
        )
    };
    school.attacker().refused("attendance_corrections_after_lock", &correction("teacher", "'x'")).await;
    school.attacker().refused("attendance_corrections_after_lock", &correction("admin", "NULL")).await;
    school.attacker().attempt(&correction("admin", "'x'")).await.unwrap();
    for verb in ["UPDATE attendance_corrections SET reason = 'y'", "DELETE FROM attendance_corrections"] {
        assert!(matches!(school.attacker().attempt(verb).await, Err(StoreError::NotPermitted(_))), "{verb}");
    }
    let leave = || {
        format!(
            "INSERT INTO leave_requests (school_id, id, student_id, from_date, to_date, reason, requested_by)
             VALUES ('{school_id}', '{}', '{pupil}', '{today}', '{tomorrow}', 'x', '{user}')",
            new()
        )
    };
    school.attacker().attempt(&leave()).await.unwrap();
    school.attacker().refused("leave_requests_no_overlap", &leave()).await;
}
