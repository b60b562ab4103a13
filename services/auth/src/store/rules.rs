//! What a violated constraint means to a client. The constraints are the rules; this gives each its words and the field that it is about.

use domain::Fault;
use service_kit::{Kind, Problem};
use store::StoreError;

/// A rule that the database keeps.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The constraint or unique index.
    pub constraint: &'static str,
    kind: Kind,
    pointer: &'static str,
    detail: &'static str,
}

const fn once(constraint: &'static str, pointer: &'static str, detail: &'static str) -> Rule {
    Rule { constraint, kind: Kind::AlreadyExists, pointer, detail }
}

const fn overlap(constraint: &'static str, pointer: &'static str, detail: &'static str) -> Rule {
    Rule { constraint, kind: Kind::Conflict, pointer, detail }
}

const fn exists(constraint: &'static str, pointer: &'static str, detail: &'static str) -> Rule {
    Rule { constraint, kind: Kind::ReferenceNotFound, pointer, detail }
}

/// The rules that a request to a resource of people or academics can break.
pub const RULES: &[Rule] = &[
    once("academic_years_school_id_name_key", "/name", "there is an academic year of this name"),
    exists("terms_school_id_academic_year_id_fkey", "/academic_year_id", "there is no such academic year in this school"),
    exists("terms_school_id_parent_term_id_fkey", "/parent_term_id", "there is no such term in this school"),
    once("terms_school_id_academic_year_id_kind_name_key", "/name", "the academic year has a term of this kind and name"),
    overlap("terms_no_overlap", "/starts_on", "overlaps another term of the same kind"),
    once("subjects_school_id_code_key", "/code", "there is a subject with this code"),
    exists("classes_school_id_academic_year_id_fkey", "/academic_year_id", "there is no such academic year in this school"),
    exists("classes_school_id_term_id_fkey", "/term_id", "there is no such term in this school"),
    exists("classes_school_id_class_teacher_id_fkey", "/class_teacher_id", "there is no such teacher in this school"),
    once("classes_school_id_academic_year_id_code_key", "/code", "the academic year has a class with this code"),
    exists("class_subjects_school_id_class_id_fkey", "", "there is no such class in this school"),
    exists("class_subjects_school_id_subject_id_fkey", "/subject_id", "there is no such subject in this school"),
    exists("class_subjects_school_id_teacher_id_fkey", "/teacher_id", "there is no such teacher in this school"),
    once("class_subjects_once", "/teacher_id", "this teacher teaches this subject in this class already"),
    exists("enrollments_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    exists("enrollments_school_id_student_id_fkey", "/student_id", "there is no such student in this school"),
    overlap("enrollments_no_overlap", "/begin_date", "the student is enrolled in this class at that time already"),
    exists("students_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    once("students_school_id_user_id_key", "/user_id", "this person is a student of this school already"),
    once("students_school_id_admission_number_key", "/admission_number", "another student has this admission number"),
    once("teachers_school_id_user_id_key", "/user_id", "this person is a teacher of this school already"),
    once("teachers_school_id_employee_number_key", "/employee_number", "another teacher has this employee number"),
    once("staff_school_id_user_id_key", "/user_id", "this person is on the staff of this school already"),
    once("staff_school_id_employee_number_key", "/employee_number", "another staff member has this employee number"),
    exists("student_guardians_school_id_student_id_fkey", "", "there is no such student in this school"),
    once("student_guardians_school_id_student_id_guardian_user_id_key", "/user_id", "this person is a guardian of the student already"),
    overlap("student_guardians_one_primary", "/is_primary", "the student has a primary guardian already; take that from the other first"),
];

/// The problem that `error` is to a client.
pub(crate) fn refuse(error: impl Into<StoreError>) -> Problem {
    let error = error.into();
    let Some(rule) = error.constraint().and_then(|name| RULES.iter().find(|rule| rule.constraint == name)) else {
        return error.into();
    };
    let mut sentence = rule.detail.to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Problem::new(rule.kind, format!("{sentence}.")).with_faults(vec![Fault::new(rule.pointer, rule.detail)])
}
