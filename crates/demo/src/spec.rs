//! The two schools, as figures: how large they are, what they teach, who works there.

use chrono_tz::Tz;

/// What a person is in a school; tells the table, the membership and the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    SuperAdmin,
    Admin,
    Teacher,
    Student,
    Parent,
    Staff,
}

impl Part {
    pub(crate) const ALL: [Self; 6] = [Self::SuperAdmin, Self::Admin, Self::Teacher, Self::Student, Self::Parent, Self::Staff];

    /// The role in tokens and memberships.
    pub(crate) const fn role(self) -> &'static str {
        match self {
            Self::SuperAdmin => "super_admin",
            Self::Admin => "school_admin",
            Self::Teacher => "teacher",
            Self::Student => "student",
            Self::Parent => "parent",
            Self::Staff => "staff",
        }
    }

    /// The password of everybody who has this part.
    pub(crate) const fn password(self) -> &'static str {
        match self {
            Self::SuperAdmin => "root1234",
            Self::Admin => "admin123",
            Self::Teacher => "teacher123",
            Self::Student => "student123",
            Self::Parent => "parent123",
            Self::Staff => "staff123",
        }
    }
}

/// The address of whoever runs the platform.
pub(crate) const ROOT: &str = "root@schools24.com";

/// The addresses that the documentation names. They belong to people whose paths cross: the teacher teaches the student, the parent is the student's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownLogins {
    pub(crate) teacher: &'static str,
    pub(crate) student: &'static str,
    pub(crate) parent: &'static str,
    pub(crate) staff: &'static str,
    /// Which class they meet in, and which student's family the known student joins.
    pub(crate) class: usize,
    pub(crate) sibling: usize,
}

/// Something that is taught, in some grades.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) from_grade: usize,
    pub(crate) to_grade: usize,
    /// Lessons a week.
    pub(crate) lessons: usize,
    pub(crate) teachers: usize,
}

const fn subject(code: &'static str, name: &'static str, grades: (usize, usize), lessons: usize, teachers: usize) -> Subject {
    Subject { code, name, from_grade: grades.0, to_grade: grades.1, lessons, teachers }
}

/// A school.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) zone: Tz,
    pub(crate) currency: &'static str,
    pub(crate) locale: &'static str,
    pub(crate) admin: &'static str,
    pub(crate) known: Option<KnownLogins>,
    pub(crate) students: usize,
    pub(crate) grade_word: &'static str,
    pub(crate) first_grade: usize,
    pub(crate) last_grade: usize,
    pub(crate) sections: &'static [&'static str],
    pub(crate) subjects: &'static [Subject],
    pub(crate) staff: &'static [&'static str],
    pub(crate) buses: usize,
    /// Tuition a term, in minor units of the currency.
    pub(crate) tuition: i64,
    /// Where its buses go.
    pub(crate) place: (f64, f64),
}

/// What staff who drive buses are called.
pub(crate) const DRIVER: &str = "Bus driver";

/// The large school.
pub(crate) const GREENFIELD: Spec = Spec {
    number: 1,
    name: "Greenfield Public School",
    code: "GREENFIELD",
    zone: chrono_tz::Asia::Kolkata,
    currency: "INR",
    locale: "en-IN",
    admin: "admin@schools24.com",
    known: Some(KnownLogins {
        teacher: "teacher@schools24.com",
        student: "student@schools24.com",
        parent: "parent@schools24.com",
        staff: "staff@schools24.com",
        class: 21,
        sibling: 4,
    }),
    students: 1000,
    grade_word: "Grade",
    first_grade: 1,
    last_grade: 10,
    sections: &["A", "B", "C"],
    subjects: &[
        subject("MAT", "Mathematics", (1, 10), 5, 10),
        subject("ENG", "English", (1, 10), 5, 10),
        subject("HIN", "Hindi", (1, 10), 4, 10),
        subject("EVS", "Environmental Studies", (1, 5), 4, 4),
        subject("SCI", "Science", (6, 10), 5, 5),
        subject("SOC", "Social Science", (6, 10), 4, 4),
        subject("COM", "Computer Science", (1, 10), 2, 4),
        subject("FRE", "French", (6, 10), 3, 3),
        subject("ART", "Art", (1, 10), 2, 3),
        subject("MUS", "Music", (1, 5), 2, 2),
        subject("GEN", "General Knowledge", (1, 5), 2, 2),
        subject("PHE", "Physical Education", (1, 10), 2, 3),
    ],
    staff: &[
        "Office clerk",
        "Accountant",
        "Librarian",
        "Nurse",
        "Laboratory assistant",
        "Store keeper",
        "Receptionist",
        "Counsellor",
        "Groundskeeper",
        DRIVER,
        DRIVER,
        DRIVER,
        DRIVER,
        DRIVER,
        DRIVER,
    ],
    buses: 6,
    tuition: 2_400_000,
    place: (12.9716, 77.5946),
};

/// The small one, whose people must see nothing of the large one.
pub(crate) const RIVERSIDE: Spec = Spec {
    number: 2,
    name: "Riverside School",
    code: "RIVERSIDE",
    zone: chrono_tz::Europe::London,
    currency: "GBP",
    locale: "en-GB",
    admin: "admin@second.schools24.com",
    known: None,
    students: 40,
    grade_word: "Year",
    first_grade: 5,
    last_grade: 6,
    sections: &["A"],
    subjects: &[
        subject("MAT", "Mathematics", (5, 6), 5, 1),
        subject("ENG", "English", (5, 6), 5, 1),
        subject("SCI", "Science", (5, 6), 4, 1),
        subject("HIS", "History", (5, 6), 3, 1),
        subject("ART", "Art and Music", (5, 6), 3, 1),
        subject("PHE", "Physical Education", (5, 6), 2, 1),
    ],
    staff: &["School secretary", DRIVER],
    buses: 1,
    tuition: 125_000,
    place: (51.4816, -0.6106),
};
