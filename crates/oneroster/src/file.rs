//! The files of a bundle: their names, and the columns that each version of the standard gives them.
//!
//! Sources: 1EdTech `OneRoster` 1.1 CSV Tables (4: the tables) and `OneRoster` 1.2 CSV Binding (4: the CSV files).

use serde::Serialize;

/// A file that this reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FileKind {
    /// `manifest.csv`
    Manifest,
    /// `orgs.csv`
    Orgs,
    /// `academicSessions.csv`
    AcademicSessions,
    /// `courses.csv`
    Courses,
    /// `classes.csv`
    Classes,
    /// `users.csv`
    Users,
    /// `roles.csv`, new in 1.2
    Roles,
    /// `enrollments.csv`
    Enrollments,
    /// `demographics.csv`
    Demographics,
}

/// The standard's other files: no part of a roster, named in the warnings and never unpacked.
pub(crate) const OTHER_FILES: &[&str] = &[
    "categories",
    "classResources",
    "courseResources",
    "lineItemLearningObjectiveIds",
    "lineItemScoreScales",
    "lineItems",
    "resources",
    "resultLearningObjectiveIds",
    "resultScoreScales",
    "results",
    "scoreScales",
    "userProfiles",
    "userResources",
];

/// The version of the standard that a bundle follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Version {
    /// 1.1: a user's role and orgs stand in `users.csv`.
    #[serde(rename = "1.1")]
    V1_1,
    /// 1.2: they stand in `roles.csv`.
    #[serde(rename = "1.2")]
    V1_2,
}

/// How a file is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The whole truth: what is not in it is gone.
    Bulk,
    /// Changes only: each row's status says what became of it.
    Delta,
    /// Not in the bundle.
    Absent,
}

impl FileKind {
    /// All of them, in the order in which they are read.
    pub const ALL: &'static [Self] = &[
        Self::Manifest,
        Self::Orgs,
        Self::AcademicSessions,
        Self::Courses,
        Self::Classes,
        Self::Users,
        Self::Roles,
        Self::Enrollments,
        Self::Demographics,
    ];

    /// The file's name.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest.csv",
            Self::Orgs => "orgs.csv",
            Self::AcademicSessions => "academicSessions.csv",
            Self::Courses => "courses.csv",
            Self::Classes => "classes.csv",
            Self::Users => "users.csv",
            Self::Roles => "roles.csv",
            Self::Enrollments => "enrollments.csv",
            Self::Demographics => "demographics.csv",
        }
    }

    /// The name as the manifest's `file.*` properties have it.
    #[must_use]
    pub fn stem(self) -> &'static str {
        self.file_name().trim_end_matches(".csv")
    }

    /// The standard's columns, in the standard's order.
    pub(crate) const fn columns(self, version: Version) -> &'static [&'static str] {
        match (self, version) {
            (Self::Manifest, _) => &["propertyName", "value"],
            (Self::Orgs, _) => &["sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId"],
            (Self::AcademicSessions, _) => {
                &["sourcedId", "status", "dateLastModified", "title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear"]
            }
            (Self::Courses, _) => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "schoolYearSourcedId",
                "title",
                "courseCode",
                "grades",
                "orgSourcedId",
                "subjects",
                "subjectCodes",
            ],
            (Self::Classes, _) => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "title",
                "grades",
                "courseSourcedId",
                "classCode",
                "classType",
                "location",
                "schoolSourcedId",
                "termSourcedIds",
                "subjects",
                "subjectCodes",
                "periods",
            ],
            (Self::Users, Version::V1_1) => USERS_1_1,
            (Self::Users, Version::V1_2) => USERS_1_2,
            (Self::Roles, _) => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "userSourcedId",
                "roleType",
                "role",
                "beginDate",
                "endDate",
                "orgSourcedId",
                "userProfileSourcedId",
            ],
            (Self::Enrollments, _) => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "classSourcedId",
                "schoolSourcedId",
                "userSourcedId",
                "role",
                "primary",
                "beginDate",
                "endDate",
            ],
            (Self::Demographics, _) => DEMOGRAPHICS,
        }
    }

    /// The columns that the header must have; the rest may be left out and read as empty.
    pub(crate) const fn required(self, version: Version) -> &'static [&'static str] {
        match (self, version) {
            (Self::Manifest, _) => &["propertyName", "value"],
            (Self::Orgs, _) => &["sourcedId", "name", "type"],
            (Self::AcademicSessions, _) => &["sourcedId", "title", "type", "startDate", "endDate"],
            (Self::Courses, _) => &["sourcedId", "title", "orgSourcedId"],
            (Self::Classes, _) => &["sourcedId", "title", "courseSourcedId", "classType", "schoolSourcedId", "termSourcedIds"],
            (Self::Users, Version::V1_1) => &["sourcedId", "enabledUser", "orgSourcedIds", "role", "username", "givenName", "familyName"],
            (Self::Users, Version::V1_2) => &["sourcedId", "enabledUser", "username", "givenName", "familyName"],
            (Self::Roles, _) => &["sourcedId", "userSourcedId", "roleType", "role", "orgSourcedId"],
            (Self::Enrollments, _) => &["sourcedId", "classSourcedId", "schoolSourcedId", "userSourcedId", "role"],
            (Self::Demographics, _) => &["sourcedId"],
        }
    }
}

const USERS_1_1: &[&str] = &[
    "sourcedId",
    "status",
    "dateLastModified",
    "enabledUser",
    "orgSourcedIds",
    "role",
    "username",
    "userIds",
    "givenName",
    "familyName",
    "middleName",
    "identifier",
    "email",
    "sms",
    "phone",
    "agentSourcedIds",
    "grades",
    "password",
];

const USERS_1_2: &[&str] = &[
    "sourcedId",
    "status",
    "dateLastModified",
    "enabledUser",
    "username",
    "userIds",
    "givenName",
    "familyName",
    "middleName",
    "identifier",
    "email",
    "sms",
    "phone",
    "agentSourcedIds",
    "grades",
    "password",
    "userMasterIdentifier",
    "resourceSourcedIds",
    "preferredGivenName",
    "preferredMiddleName",
    "preferredFamilyName",
    "primaryOrgSourcedId",
    "pronouns",
];

// The columns on ethnicity and birthplace are known, so that they raise no warning, but this reader never looks at them.
const DEMOGRAPHICS: &[&str] = &[
    "sourcedId",
    "status",
    "dateLastModified",
    "birthDate",
    "sex",
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
    "demographicRaceTwoOrMoreRaces",
    "hispanicOrLatinoEthnicity",
    "countryOfBirthCode",
    "stateOfBirthAbbreviation",
    "cityOfBirth",
    "publicSchoolResidenceStatus",
];
