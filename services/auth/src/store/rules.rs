//! What a violated constraint means to a client: each its words and the field that it is about.

use records::Rule;

/// The rules that a request to a resource of people or academics can break.
pub const RULES: &[Rule] = &[
    Rule::once("academic_years_school_id_name_key", "/name", "there is an academic year of this name"),
    Rule::exists("terms_school_id_academic_year_id_fkey", "/academic_year_id", "there is no such academic year in this school"),
    Rule::exists("terms_school_id_parent_term_id_fkey", "/parent_term_id", "there is no such term in this school"),
    Rule::once("terms_school_id_academic_year_id_kind_name_key", "/name", "the academic year has a term of this kind and name"),
    Rule::overlap("terms_no_overlap", "/starts_on", "overlaps another term of the same kind"),
    Rule::once("subjects_school_id_code_key", "/code", "there is a subject with this code"),
    Rule::exists("classes_school_id_academic_year_id_fkey", "/academic_year_id", "there is no such academic year in this school"),
    Rule::exists("classes_school_id_term_id_fkey", "/term_id", "there is no such term in this school"),
    Rule::exists("classes_school_id_class_teacher_id_fkey", "/class_teacher_id", "there is no such teacher in this school"),
    Rule::once("classes_school_id_academic_year_id_code_key", "/code", "the academic year has a class with this code"),
    Rule::exists("class_subjects_school_id_class_id_fkey", "", "there is no such class in this school"),
    Rule::exists("class_subjects_school_id_subject_id_fkey", "/subject_id", "there is no such subject in this school"),
    Rule::exists("class_subjects_school_id_teacher_id_fkey", "/teacher_id", "there is no such teacher in this school"),
    Rule::once("class_subjects_once", "/teacher_id", "this teacher teaches this subject in this class already"),
    Rule::exists("enrollments_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    Rule::exists("enrollments_school_id_student_id_fkey", "/student_id", "there is no such student in this school"),
    Rule::overlap("enrollments_no_overlap", "/begin_date", "the student is enrolled in this class at that time already"),
    Rule::exists("students_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    Rule::once("students_school_id_user_id_key", "/user_id", "this person is a student of this school already"),
    Rule::once("students_school_id_admission_number_key", "/admission_number", "another student has this admission number"),
    Rule::once("teachers_school_id_user_id_key", "/user_id", "this person is a teacher of this school already"),
    Rule::once("teachers_school_id_employee_number_key", "/employee_number", "another teacher has this employee number"),
    Rule::once("staff_school_id_user_id_key", "/user_id", "this person is on the staff of this school already"),
    Rule::once("staff_school_id_employee_number_key", "/employee_number", "another staff member has this employee number"),
    Rule::exists("student_guardians_school_id_student_id_fkey", "", "there is no such student in this school"),
    Rule::once(
        "student_guardians_school_id_student_id_guardian_user_id_key",
        "/user_id",
        "this person is a guardian of the student already",
    ),
    Rule::overlap(
        "student_guardians_one_primary",
        "/is_primary",
        "the student has a primary guardian already; take that from the other first",
    ),
];
