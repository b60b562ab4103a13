//! What is always so in the demo schools.

use domain::SchoolId;
use mongodb::bson::{Document, doc};
use sqlx::AssertSqlSafe;
use store::CollectionName;
use uuid::Uuid;

use crate::{number, seeded};

/// What must hold, and a query for what violates it.
const NEVER: &[(&str, &str)] = &[
    (
        "every student is enrolled in the home class, once",
        "SELECT s.id FROM students s LEFT JOIN enrollments e ON e.student_id = s.id AND e.class_id = s.class_id GROUP BY s.id HAVING count(e.id) <> 1",
    ),
    (
        "every student has one guardian who is told first",
        "SELECT s.id FROM students s LEFT JOIN student_guardians g ON g.student_id = s.id AND g.is_primary WHERE g.id IS NULL",
    ),
    (
        "everybody but the platform's root is a member of exactly one school",
        "SELECT u.id FROM users u LEFT JOIN memberships m ON m.user_id = u.id WHERE NOT u.is_super_admin GROUP BY u.id HAVING count(m.id) <> 1",
    ),
    ("everybody has a password", "SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM credentials)"),
    (
        "only the documented addresses are real ones",
        "SELECT email FROM users WHERE email !~ '@demo\\.schools24\\.example$' AND email !~ '^(admin|teacher|student|parent|staff|root)@schools24\\.com$' AND email <> 'admin@second.schools24.com'",
    ),
    (
        "every class teacher teaches the class",
        "SELECT c.id FROM classes c WHERE NOT EXISTS (SELECT FROM class_subjects t WHERE t.class_id = c.id AND t.teacher_id = c.class_teacher_id)",
    ),
    (
        "homework is set by who teaches the subject in the class",
        "SELECT h.id FROM homework h WHERE NOT EXISTS (SELECT FROM class_subjects t JOIN teachers p ON p.id = t.teacher_id WHERE t.class_id = h.class_id AND t.subject_id = h.subject_id AND t.teacher_id = h.teacher_id AND p.user_id = h.created_by)",
    ),
    (
        "nobody hands in another class's homework",
        "SELECT s.id FROM homework_submissions s JOIN homework h ON h.id = s.homework_id JOIN students p ON p.id = s.student_id WHERE p.class_id <> h.class_id",
    ),
    (
        "nobody hands in a draft, or before it was published",
        "SELECT s.id FROM homework_submissions s JOIN homework h ON h.id = s.homework_id WHERE h.status = 'draft' OR s.submitted_at < h.published_at",
    ),
    (
        "late is what came after the due time",
        "SELECT s.id FROM homework_submissions s JOIN homework h ON h.id = s.homework_id WHERE s.is_late <> (s.submitted_at > h.due_at)",
    ),
    (
        "nothing late is taken where that isn't allowed, or after the cut-off",
        "SELECT s.id FROM homework_submissions s JOIN homework h ON h.id = s.homework_id WHERE (s.is_late AND NOT h.allow_late) OR s.submitted_at > h.cutoff_at",
    ),
    (
        "marks are within the homework's",
        "SELECT s.id FROM homework_submissions s JOIN homework h ON h.id = s.homework_id WHERE s.points > h.max_points",
    ),
    ("in time, nothing is taken off", "SELECT id FROM homework_submissions WHERE NOT is_late AND points <> points_after_penalty"),
    (
        "nothing was handed in, graded or given back in the future",
        "SELECT s.id FROM homework_submissions s JOIN schools o ON o.id = s.school_id WHERE greatest(submitted_at, graded_at, returned_at) > o.created_at",
    ),
    (
        "closed homework is graded",
        "SELECT s.id FROM homework_submissions s JOIN homework h ON h.id = s.homework_id WHERE h.status = 'closed' AND s.status = 'submitted'",
    ),
    (
        "every class has five closed, three published and one being written",
        "SELECT class_id FROM homework GROUP BY 1 HAVING (count(*) FILTER (WHERE status = 'closed'), count(*) FILTER (WHERE status = 'published'), count(*)) <> (5, 3, 9)",
    ),
    (
        "a register marks everybody of the class and nobody else",
        "SELECT r.id FROM attendance_sessions r JOIN attendance_records m ON m.session_id = r.id JOIN students s ON s.id = m.student_id GROUP BY r.id, r.class_id HAVING count(*) FILTER (WHERE s.class_id = r.class_id) <> count(*) OR count(*) <> (SELECT count(*) FROM students o WHERE o.class_id = r.class_id)",
    ),
    (
        "time locks the registers, and nobody did by hand",
        "SELECT id FROM attendance_sessions WHERE state <> 'taken' OR locked_at IS NOT NULL",
    ),
    (
        "there is school on weekdays, in the term, before the seeding",
        "SELECT r.id FROM attendance_sessions r JOIN schools o ON o.id = r.school_id WHERE extract(isodow FROM r.held_on) > 5 OR r.held_on > o.created_at OR NOT EXISTS (SELECT FROM terms t WHERE t.school_id = r.school_id AND r.held_on BETWEEN t.starts_on AND t.ends_on)",
    ),
    (
        "there is no school on a holiday",
        "SELECT r.id FROM attendance_sessions r JOIN calendar_events e ON e.school_id = r.school_id AND e.kind = 'holiday' AND r.held_on BETWEEN e.start_date AND e.end_date",
    ),
    (
        "all classes have registers of the same days",
        "SELECT 1 FROM (SELECT count(*) AS days, school_id FROM attendance_sessions GROUP BY class_id, school_id) d GROUP BY school_id HAVING min(days) <> max(days) OR min(days) < 50",
    ),
    (
        "who is excused has leave",
        "SELECT m.id FROM attendance_records m WHERE m.code = 'E' AND NOT EXISTS (SELECT FROM leave_requests l WHERE l.student_id = m.student_id AND l.status = 'approved' AND m.held_on BETWEEN l.from_date AND l.to_date)",
    ),
    (
        "an invoice is the sum of its lines",
        "SELECT i.id FROM invoices i JOIN invoice_lines l ON l.invoice_id = i.id GROUP BY i.id, i.total_minor HAVING sum(l.amount_minor) <> i.total_minor",
    ),
    (
        "an invoice is paid by its payments",
        "SELECT i.id FROM invoices i LEFT JOIN payments p ON p.invoice_id = i.id GROUP BY i.id, i.paid_minor HAVING coalesce(sum(p.amount_minor), 0) <> i.paid_minor",
    ),
    ("the ledger balances", "SELECT transaction_id FROM ledger_entries GROUP BY 1 HAVING sum(debit_minor) <> sum(credit_minor)"),
    (
        "what a student owes by the ledger is what is open on invoices",
        "SELECT student_id FROM (SELECT student_id, sum(debit_minor - credit_minor) AS owes FROM ledger_entries WHERE account = 'receivable' GROUP BY 1) l JOIN (SELECT student_id, sum(total_minor - paid_minor) AS open FROM invoices GROUP BY 1) i USING (student_id) WHERE owes <> open",
    ),
    (
        "receipts are numbered without gaps",
        "SELECT c.fiscal_year FROM receipt_counters c JOIN payments p USING (school_id, fiscal_year) GROUP BY 1, c.last_number HAVING (min(receipt_number), max(receipt_number), count(*)) <> (1, c.last_number, c.last_number)",
    ),
    (
        "a later receipt has a higher number",
        "SELECT id FROM (SELECT id, receipt_number, row_number() OVER (PARTITION BY school_id, fiscal_year ORDER BY captured_at, receipt_number) AS n FROM payments) p WHERE receipt_number <> n",
    ),
    (
        "what is on a shelf is the sum of what moved there",
        "SELECT item_id FROM inventory_stock s JOIN stock_movements m USING (school_id, item_id, location_id) GROUP BY school_id, item_id, location_id, s.on_hand HAVING sum(m.quantity) <> s.on_hand",
    ),
    (
        "what is owned is worth what its movements brought and took",
        "SELECT v.item_id FROM inventory_valuations v JOIN stock_movements m USING (school_id, item_id) GROUP BY school_id, v.item_id, v.value_minor HAVING sum(m.value_minor) <> v.value_minor",
    ),
    (
        "who has an open loan has the copy",
        "SELECT l.id FROM inventory_loans l JOIN inventory_units u ON u.id = l.unit_id WHERE l.state = 'open' AND u.holder_user_id IS DISTINCT FROM l.borrower_user_id",
    ),
    (
        "who boarded a bus has a seat on it and got off at their stop",
        "SELECT b.id FROM bus_boardings b JOIN bus_trips t ON t.id = b.trip_id LEFT JOIN bus_assignments a ON a.student_id = b.student_id AND a.route_id = t.route_id AND a.direction = t.direction LEFT JOIN bus_stop_visits v ON v.trip_id = t.id AND v.stop_id = a.stop_id WHERE b.alighted_at IS DISTINCT FROM v.arrived_at OR b.boarded_at < t.started_at",
    ),
    (
        "who sits in a bus does so both ways",
        "SELECT student_id FROM bus_assignments GROUP BY 1 HAVING array_agg(direction ORDER BY direction) <> ARRAY['drop', 'pickup']",
    ),
    (
        "an attempt's score is the sum of its marks, at most what the quiz is worth",
        "SELECT a.id FROM quiz_attempts a JOIN quizzes q ON q.id = a.quiz_id JOIN quiz_answers w ON w.attempt_id = a.id GROUP BY a.id, a.score, q.max_points HAVING sum(w.mark) <> a.score OR a.score > q.max_points",
    ),
    (
        "a quiz is worth the sum of its slots",
        "SELECT q.id FROM quizzes q LEFT JOIN quiz_slots s ON s.quiz_id = q.id GROUP BY q.id, q.max_points HAVING coalesce(sum(s.max_mark), 0) <> q.max_points",
    ),
    (
        "nobody tries another class's quiz, or outside its time",
        "SELECT a.id FROM quiz_attempts a JOIN quizzes q ON q.id = a.quiz_id JOIN students s ON s.id = a.student_id WHERE s.class_id <> q.class_id OR a.started_at < q.opens_at OR a.submitted_at > least(q.closes_at, a.due_at)",
    ),
    (
        "what homework gave back is in the grade book, with its marks",
        "SELECT s.id FROM homework_submissions s LEFT JOIN grade_items i ON i.source_ref = s.homework_id LEFT JOIN grades g ON g.item_id = i.id AND g.student_id = s.student_id WHERE s.status = 'returned' AND g.points IS DISTINCT FROM s.points_after_penalty",
    ),
    (
        "what a quiz earned is in the grade book, with its marks",
        "SELECT a.quiz_id FROM quiz_attempts a JOIN quizzes q ON q.id = a.quiz_id LEFT JOIN grade_items i ON i.source_ref = a.quiz_id LEFT JOIN grades g ON g.item_id = i.id AND g.student_id = a.student_id WHERE a.state = 'graded' AND q.kind = 'quiz' GROUP BY a.quiz_id, a.student_id, g.points HAVING g.points IS DISTINCT FROM round(max(a.score), 2)",
    ),
    (
        "the grade book has nothing that homework and quizzes did not give back",
        "SELECT g.id FROM grades g JOIN grade_items i ON i.id = g.item_id WHERE i.source_kind <> 'manual' AND NOT EXISTS (SELECT FROM homework_submissions s WHERE s.homework_id = i.source_ref AND s.student_id = g.student_id AND s.status = 'returned') AND NOT EXISTS (SELECT FROM quiz_attempts a WHERE a.quiz_id = i.source_ref AND a.student_id = g.student_id)",
    ),
    (
        "an item is called, worth and due what its homework says, by the school's clock",
        "SELECT i.id FROM grade_items i JOIN homework h ON h.id = i.source_ref JOIN schools s ON s.id = h.school_id WHERE (i.name, i.max_points, i.due_on) IS DISTINCT FROM (h.title, h.max_points, (h.due_at AT TIME ZONE s.time_zone)::date)",
    ),
    (
        "a grade is of a student of the class and within what the item is worth",
        "SELECT g.id FROM grades g JOIN grade_items i ON i.id = g.item_id JOIN students s ON s.id = g.student_id WHERE s.class_id <> i.class_id OR g.points > i.max_points",
    ),
    (
        "every grade has its history",
        "SELECT g.id FROM grades g LEFT JOIN grade_changes c ON c.grade_id = g.id AND c.grade_version = g.version WHERE (c.points, c.is_exempt, c.changed_by) IS DISTINCT FROM (g.points, g.is_exempt, g.graded_by)",
    ),
    ("nothing was graded in the future", "SELECT g.id FROM grades g JOIN schools o ON o.id = g.school_id WHERE g.graded_at > o.created_at"),
];

/// What there is at least some of.
const SOME: &[(&str, &str)] = &[
    ("late work that lost marks", "SELECT count(*) FROM homework_submissions WHERE points_after_penalty < points"),
    ("work that waits to be graded", "SELECT count(*) FROM homework_submissions WHERE status = 'submitted'"),
    ("work that was graded and not given back", "SELECT count(*) FROM homework_submissions WHERE status = 'graded'"),
    ("work that was given back", "SELECT count(*) FROM homework_submissions WHERE status = 'returned'"),
    ("parents of two", "SELECT count(*) FROM (SELECT FROM student_guardians GROUP BY guardian_user_id HAVING count(*) > 1) p"),
    ("late marks", "SELECT count(*) FROM attendance_records WHERE code = 'L' AND minutes_late > 0"),
    ("leave that was asked for", "SELECT count(*) FROM leave_requests WHERE status = 'pending'"),
    ("invoices that are partly paid", "SELECT count(*) FROM invoices WHERE status = 'partly_paid'"),
    ("invoices that are open", "SELECT count(*) FROM invoices WHERE status = 'issued'"),
    ("concessions", "SELECT count(*) FROM invoice_lines WHERE kind = 'concession'"),
    ("students who were ill at a test", "SELECT count(*) FROM grades WHERE is_exempt AND comment IS NOT NULL"),
    ("tests that somebody missed", "SELECT count(*) FROM grades WHERE is_missing"),
    ("grades that came from quizzes", "SELECT count(*) FROM grades g JOIN grade_items i ON i.id = g.item_id WHERE i.source_kind = 'quiz'"),
    ("things that are away to be mended", "SELECT count(*) FROM inventory_repairs WHERE state = 'open'"),
    ("things that were mended", "SELECT count(*) FROM inventory_repairs WHERE state = 'repaired'"),
    ("loans that were lost", "SELECT count(*) FROM inventory_loans WHERE state = 'lost'"),
    (
        "things that were written off",
        "SELECT count(*) FROM stock_movements WHERE kind = 'write_off' AND loan_id IS NULL AND party_user_id IS NULL",
    ),
    (
        "differences of a stock-take",
        "SELECT count(*) FROM stock_movements m JOIN inventory_stock_takes t ON t.id = m.stock_take_id JOIN inventory_counts c ON c.stock_take_id = t.id AND c.item_id = m.item_id WHERE t.state = 'posted' AND c.counted - c.expected = m.quantity",
    ),
    ("wishes for which something is kept", "SELECT count(*) FROM inventory_reservations WHERE state = 'ready'"),
    (
        "units that somebody has, under warranty",
        "SELECT count(*) FROM inventory_units WHERE state = 'issued' AND holder_user_id IS NOT NULL AND warranty_until IS NOT NULL",
    ),
    ("suppliers with an address", "SELECT count(*) FROM inventory_suppliers WHERE contact IS NOT NULL AND email IS NOT NULL"),
    ("things that a class used up", "SELECT count(*) FROM stock_movements WHERE class_id IS NOT NULL AND purpose IS NOT NULL"),
    (
        "lessons for which somebody stands in",
        "SELECT count(*) FROM timetable_entries WHERE covers_entry_id IS NOT NULL AND valid_from > current_date",
    ),
    (
        "lessons that are called off on a day of theirs to come",
        "SELECT count(*) FROM timetable_lesson_days d JOIN timetable_lessons(d.school_id, d.day, d.day) l ON l.entry_id = d.entry_id
            WHERE l.state = 'cancelled' AND d.day > current_date",
    ),
    (
        "lessons that are in another room on a day of theirs to come",
        "SELECT count(*) FROM timetable_lesson_days d JOIN timetable_lessons(d.school_id, d.day, d.day) l ON l.entry_id = d.entry_id
            JOIN timetable_entries t ON t.id = d.entry_id WHERE l.state = 'moved' AND l.room_id <> t.room_id AND d.day > current_date",
    ),
    ("loans that are overdue", "SELECT count(*) FROM inventory_loans WHERE state = 'open' AND due_on < current_date"),
    (
        "things that are to be ordered again",
        "SELECT count(*) FROM inventory_items i WHERE i.reorder_level > 0 AND (SELECT sum(s.on_hand) FROM inventory_stock s WHERE s.item_id = i.id) <= i.reorder_level",
    ),
    ("meetings that were moved", "SELECT count(*) FROM calendar_events WHERE master_event_id IS NOT NULL AND status = 'confirmed'"),
    ("meetings that were called off", "SELECT count(*) FROM calendar_events WHERE master_event_id IS NOT NULL AND status = 'cancelled'"),
    (
        "buses that are to run today",
        "SELECT count(*) FROM bus_trips t JOIN schools o ON o.id = t.school_id WHERE t.state = 'planned' AND t.service_date = (o.created_at AT TIME ZONE o.time_zone)::date",
    ),
    (
        "buses that are late",
        "SELECT count(*) FROM bus_alerts a JOIN bus_trips t ON t.id = a.trip_id WHERE a.kind = 'delay' AND a.resolved_at IS NULL AND t.state = 'planned'",
    ),
    ("rooms that are booked", "SELECT count(*) FROM room_bookings"),
    ("exams to be booked", "SELECT count(*) FROM appointment_slots WHERE kind = 'exam' AND starts_at > now()"),
    ("quizzes that come", "SELECT count(*) FROM quizzes WHERE status = 'published' AND opens_at > now()"),
    ("quizzes to be taken now", "SELECT count(*) FROM quizzes WHERE status = 'published' AND opens_at < now() AND closes_at IS NULL"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_schools_are_as_large_as_promised_and_agree_with_themselves() {
    let (fleet, report) = seeded().await;
    let [greenfield, riverside] = report.schools.as_slice() else { panic!("two schools: {report}") };
    let size = |school: &demo::SchoolCounts| ["students", "teachers", "classes", "subjects", "staff"].map(|kind| school.count(kind));
    assert_eq!(size(greenfield), [1000, 60, 30, 12, 15]);
    assert_eq!(size(riverside), [40, 6, 2, 6, 2]);

    let mut connection = fleet.database.superuser().await;
    let mut wrong = Vec::new();
    for (sentence, violations) in NEVER {
        let count = number(&mut connection, &format!("SELECT count(*) FROM ({violations}) AS violation")).await;
        if count > 0 {
            wrong.push(format!("{count} times not so: {sentence}"));
        }
    }
    for (sentence, count) in SOME {
        if number(&mut connection, count).await == 0 {
            wrong.push(format!("there are no {sentence}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    let wanted: i64 = sqlx::query_scalar("SELECT count(*) FROM timetable_entries WHERE covers_entry_id IS NULL")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    // 28 lessons a week in the lower classes, 32 in the upper, and some that found no room.
    assert!((880..=944).contains(&wanted), "{wanted} lessons a week");

    let pinned: Vec<(Uuid, Uuid)> = sqlx::query_as("SELECT DISTINCT school_id, question_id FROM quiz_slots WHERE question_id IS NOT NULL")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(pinned.len() > 10);
    for (school, question) in pinned {
        let questions = fleet.platform.mongo().school::<Document>(CollectionName::Questions, SchoolId::from_uuid(school));
        assert_eq!(questions.count(doc! { "question_id": question.to_string(), "version": 1, "status": "published" }).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_people_can_log_in_and_know_each_other() {
    let (fleet, report) = seeded().await;
    let mut connection = fleet.database.superuser().await;
    for login in &report.logins {
        let sql = "SELECT password_hash, CASE WHEN is_super_admin THEN 'super_admin' ELSE (SELECT role FROM memberships m WHERE m.user_id = u.id) END
                   FROM users u JOIN credentials ON user_id = id WHERE email = $1 AND is_active";
        let (hash, role): (String, String) = sqlx::query_as(sql).bind(login.email).fetch_one(&mut connection).await.unwrap();
        assert_eq!(role, login.role);
        assert!(bcrypt::verify(login.password, &hash).unwrap(), "{}", login.email);
    }
    assert_eq!(report.logins.len(), 7);
    let class = "SELECT c.id, c.name FROM users u JOIN students s ON s.user_id = u.id JOIN enrollments e ON e.student_id = s.id JOIN classes c ON c.id = e.class_id WHERE u.email = 'student@schools24.com'";
    let (class, name): (Uuid, String) = sqlx::query_as(class).fetch_one(&mut connection).await.unwrap();
    assert_eq!(name, "Grade 8 A");
    let taught = "SELECT count(*) FROM users u JOIN teachers t ON t.user_id = u.id JOIN class_subjects s ON s.teacher_id = t.id WHERE u.email = 'teacher@schools24.com' AND s.class_id = $1";
    let taught: i64 = sqlx::query_scalar(taught).bind(class).fetch_one(&mut connection).await.unwrap();
    assert_eq!(taught, 1);
    let children = "SELECT c.name FROM users u JOIN student_guardians g ON g.guardian_user_id = u.id JOIN students s ON s.id = g.student_id JOIN classes c ON c.id = s.class_id WHERE u.email = 'parent@schools24.com' ORDER BY 1";
    let children: Vec<String> = sqlx::query_scalar(AssertSqlSafe(children)).fetch_all(&mut connection).await.unwrap();
    assert_eq!(children, ["Grade 2 B", "Grade 8 A"]);
}
