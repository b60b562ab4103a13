//! What PostgreSQL is asked. `$1` is the school, `$2` the id; the answer is one JSON value.

/// A user of a school, in every part.
pub(crate) const PERSON: &str = "
SELECT jsonb_build_object(
    'student', (SELECT jsonb_build_object('student_id', s.id, 'attends', learner_classes(s.school_id, s.id))
                FROM students s WHERE s.school_id = $1 AND s.user_id = $2 AND s.status = 'active'),
    'teacher_id', (SELECT t.id FROM teachers t WHERE t.school_id = $1 AND t.user_id = $2 AND t.status = 'active'),
    'teaches', (SELECT coalesce(jsonb_agg(DISTINCT taught.class_id), '[]') FROM teachers t
                CROSS JOIN LATERAL (
                    SELECT cs.class_id FROM class_subjects cs WHERE cs.school_id = t.school_id AND cs.teacher_id = t.id AND cs.status = 'active'
                    UNION SELECT c.id FROM classes c WHERE c.school_id = t.school_id AND c.class_teacher_id = t.id AND c.status = 'active'
                ) taught
                WHERE t.school_id = $1 AND t.user_id = $2 AND t.status = 'active'),
    'children', (SELECT coalesce(jsonb_agg(jsonb_build_object('student_id', s.id, 'attends', learner_classes(s.school_id, s.id)) ORDER BY s.id), '[]')
                 FROM student_guardians g JOIN students s ON s.school_id = g.school_id AND s.id = g.student_id AND s.status = 'active'
                 WHERE g.school_id = $1 AND g.guardian_user_id = $2 AND g.status = 'active')
)";

/// A student.
pub(crate) const LEARNER: &str = "
SELECT jsonb_build_object('student_id', s.id, 'attends', learner_classes(s.school_id, s.id))
FROM students s WHERE s.school_id = $1 AND s.id = $2 AND s.status = 'active'";

/// A class.
pub(crate) const CLASS: &str = "
SELECT jsonb_build_object('class_id', c.id, 'name', c.name, 'time_zone', s.time_zone, 'subjects',
    (SELECT coalesce(jsonb_agg(DISTINCT cs.subject_id) FILTER (WHERE cs.subject_id IS NOT NULL), '[]')
     FROM class_subjects cs WHERE cs.school_id = c.school_id AND cs.class_id = c.id AND cs.status = 'active'))
FROM classes c JOIN schools s ON s.id = c.school_id
WHERE c.school_id = $1 AND c.id = $2 AND c.status = 'active'";

/// Everybody who is or was in a class, in the order of a class list.
pub(crate) const ROSTER: &str = "
SELECT coalesce(jsonb_agg(jsonb_build_object('student_id', s.id, 'name', u.full_name, 'admission_number', s.admission_number, 'roll_number', s.roll_number,
        'home_class_id', s.class_id, 'attends', learner_classes(s.school_id, s.id))
    ORDER BY lpad(s.roll_number, 64), u.full_name, s.id), '[]')
FROM students s JOIN users u ON u.id = s.user_id
WHERE s.school_id = $1 AND s.status = 'active'
    AND EXISTS (SELECT FROM enrollments e WHERE e.school_id = $1 AND e.student_id = s.id AND e.class_id = $2 AND e.status = 'active')";

/// The days to which the timetable gives a number of its rotation, as runs of days; both parameters are the school.
pub(crate) const WORKING_DAYS: &str = "
SELECT coalesce(jsonb_agg(jsonb_build_array(first, last) ORDER BY first), '[]')
FROM (SELECT min(day) AS first, max(day) AS last
    FROM (SELECT day, day - (row_number() OVER (ORDER BY day))::integer AS run
        FROM timetable_days WHERE school_id = $1 AND school_id = $2 AND rotation_day IS NOT NULL) AS days
    GROUP BY run) AS runs";
