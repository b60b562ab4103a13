//! Grading a submission, and giving it back.

use domain::{Fault, Points, Timestamp, UserId};

use super::homework::Homework;
use super::submission::{Status, Submission};

/// Why a submission can't be graded or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// More marks than the homework is worth.
    Marks(Fault),
    /// There is nothing to give back yet.
    NotGraded,
}

/// The submission with its grade. Grading again, also after it was given back, replaces the grade and takes it back until it is returned anew.
pub fn grade(
    submission: &Submission,
    homework: &Homework,
    points: Points,
    feedback: Option<String>,
    by: UserId,
    now: Timestamp,
) -> Result<Submission, Refused> {
    if points > homework.max_points {
        return Err(Refused::Marks(Fault::new("/points", format!("must be at most {}", homework.max_points))));
    }
    let left = homework.late_policy.map_or(points, |policy| policy.apply(points, homework.max_points, submission.late_seconds));
    Ok(Submission {
        status: Status::Graded,
        points: Some(points),
        points_after_penalty: Some(left),
        feedback,
        graded_by: Some(by),
        graded_at: Some(now),
        returned_at: None,
        version: submission.version.next(),
        updated_at: now,
        ..submission.clone()
    })
}

/// The submission as it is given back to the student.
pub fn give_back(submission: &Submission, now: Timestamp) -> Result<Submission, Refused> {
    if submission.status == Status::Submitted {
        return Err(Refused::NotGraded);
    }
    Ok(Submission {
        status: Status::Returned,
        returned_at: Some(now),
        version: submission.version.next(),
        updated_at: now,
        ..submission.clone()
    })
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone, Utc};
    use domain::{ClassId, HomeworkId, SchoolId, StudentId, Version};

    use super::*;
    use crate::model::homework::Status as HomeworkStatus;
    use crate::model::late_policy::LatePolicy;
    use crate::model::submission::{self, hand_in};

    fn homework() -> Homework {
        let now = Utc.with_ymd_and_hms(2026, 11, 2, 8, 0, 0).unwrap();
        Homework {
            id: HomeworkId::generate(),
            school_id: SchoolId::generate(),
            class_id: ClassId::generate(),
            subject_id: None,
            teacher_id: None,
            created_by: UserId::generate(),
            title: "Fractions".to_owned(),
            description: None,
            instructions: None,
            max_points: Points::try_from(20.0).unwrap(),
            assigned_at: Some(now),
            due_at: now + Duration::days(7),
            cutoff_at: Some(now + Duration::days(10)),
            allow_late: true,
            late_policy: Some(LatePolicy { deduction_percent: 10, floor_percent: 0 }),
            max_attempts: 2,
            status: HomeworkStatus::Published,
            published_at: Some(now),
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn late_work_is_flagged_by_the_servers_clock_and_loses_what_the_policy_says() {
        let homework = homework();
        let late = homework.due_at + Duration::hours(25);
        let handed_in = hand_in(&homework, StudentId::generate(), 1, "x".into(), late).unwrap();
        assert!(handed_in.is_late);
        assert_eq!(handed_in.late_seconds, 25 * 3600);
        let graded = grade(&handed_in, &homework, Points::try_from(18.0).unwrap(), None, UserId::generate(), late).unwrap();
        assert_eq!((graded.points, graded.points_after_penalty), (Points::try_from(18.0).ok(), Points::try_from(14.0).ok()));
    }

    #[test]
    fn nothing_is_taken_after_the_cut_off_the_close_or_the_last_attempt() {
        let homework = homework();
        let (student, in_time) = (StudentId::generate(), homework.due_at);
        let after = homework.cutoff_at.unwrap() + Duration::microseconds(1);
        assert_eq!(hand_in(&homework, student, 1, "x".into(), after), Err(submission::Refused::Closed));
        assert_eq!(hand_in(&homework, student, 3, "x".into(), in_time), Err(submission::Refused::NoAttemptsLeft));
        let closed = homework.closed(in_time).unwrap();
        assert_eq!(hand_in(&closed, student, 1, "x".into(), in_time), Err(submission::Refused::Closed));
        let strict = Homework { allow_late: false, cutoff_at: None, late_policy: None, ..homework };
        assert_eq!(hand_in(&strict, student, 1, "x".into(), in_time + Duration::seconds(1)), Err(submission::Refused::TooLate));
    }

    #[test]
    fn more_marks_than_the_work_is_worth_are_refused_and_ungraded_work_is_not_given_back() {
        let homework = homework();
        let handed_in = hand_in(&homework, StudentId::generate(), 1, "x".into(), homework.due_at).unwrap();
        let too_many = grade(&handed_in, &homework, Points::try_from(20.01).unwrap(), None, UserId::generate(), homework.due_at);
        assert!(matches!(too_many, Err(Refused::Marks(_))));
        assert_eq!(give_back(&handed_in, homework.due_at), Err(Refused::NotGraded));
    }

    #[test]
    fn one_attempt_of_one_student_has_one_id_and_any_other_has_another() {
        let homework = homework();
        let (one, two) = (StudentId::generate(), StudentId::generate());
        assert_eq!(submission::id_of(&homework, one, 1), submission::id_of(&homework, one, 1));
        assert_ne!(submission::id_of(&homework, one, 1), submission::id_of(&homework, one, 2));
        assert_ne!(submission::id_of(&homework, one, 1), submission::id_of(&homework, two, 1));
    }
}
