//! `manifest.csv`: which version the bundle follows and how each file is meant. Promises: whatever the manifest lacks is
//! guessed from the files so that the rest can still be looked at, and is a fault if it matters.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use serde::Serialize;

use crate::archive::{Archive, Limits, is_other_file};
use crate::cell::Cells;
use crate::file::{FileKind, Mode, Version};
use crate::report::{FaultCode, Log, WarningCode};
use crate::rows::Listed;
use crate::table::{Context, each_record};

/// Where a bundle comes from, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `source.systemName`
    pub system_name: Option<String>,
    /// `source.systemCode`
    pub system_code: Option<String>,
}

/// What the manifest says.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) version: Version,
    pub(crate) modes: BTreeMap<FileKind, Mode>,
    pub(crate) source: Source,
}

impl Manifest {
    pub(crate) fn mode(&self, kind: FileKind) -> Mode {
        self.modes.get(&kind).copied().unwrap_or(Mode::Absent)
    }
}

impl Listed for Mode {
    const NAMES: &'static [(&'static str, Self)] = &[("bulk", Self::Bulk), ("delta", Self::Delta), ("absent", Self::Absent)];
    const EXPECTED: &'static str = "must be one of: bulk delta absent";
}

const MANIFEST: &str = "manifest.csv";

/// Reads the manifest and holds it against what is in the zip.
pub(crate) fn read<R: Read + Seek>(archive: &mut Archive<R>, limits: &Limits, log: &mut Log) -> Manifest {
    let mut said = Said::default();
    if archive.holds(FileKind::Manifest) {
        if let Some(bytes) = archive.unpack(FileKind::Manifest, limits, log) {
            said.read(&bytes, limits, log);
        }
    } else {
        log.fault(MANIFEST, None, None, FaultCode::MissingFile);
    }
    let guess = if archive.holds(FileKind::Roles) { Version::V1_2 } else { Version::V1_1 };
    let version = said.version.unwrap_or(guess);
    let mut modes = BTreeMap::new();
    for kind in FileKind::ALL.iter().copied().filter(|kind| *kind != FileKind::Manifest) {
        modes.insert(kind, said.agreed_mode(kind, version, archive.holds(kind), log));
    }
    Manifest { version, modes, source: said.source }
}

#[derive(Default)]
struct Said {
    /// Whether the manifest could be read, so that what it does not say is not said.
    read: bool,
    version: Option<Version>,
    modes: BTreeMap<FileKind, (u64, Mode)>,
    source: Source,
}

impl Said {
    fn read(&mut self, bytes: &[u8], limits: &Limits, log: &mut Log) {
        let context = Context { file: FileKind::Manifest, version: Version::V1_2, mode: Mode::Bulk, limits };
        let mut seen: BTreeMap<String, Option<String>> = BTreeMap::new();
        self.read = each_record(bytes, context, log, |header, record, fit, log| {
            if !fit {
                return;
            }
            let mut cells = Cells::new(context, header, record, log);
            let Some(property) = cells.required("propertyName") else { return };
            let value = cells.peek("value");
            if let Some(earlier) = seen.get(&property) {
                if *earlier == value {
                    log.warn(MANIFEST, Some(record.line), None, WarningCode::DuplicateRow);
                } else {
                    log.fault(MANIFEST, Some(record.line), Some("propertyName"), FaultCode::DuplicateProperty);
                }
                return;
            }
            self.property(&property, value.as_deref(), record.line, &mut cells);
            seen.insert(property, value);
        });
        for property in ["manifest.version", "oneroster.version"] {
            if self.read && !seen.contains_key(property) {
                let why = if property == "manifest.version" {
                    "the manifest lacks manifest.version"
                } else {
                    "the manifest lacks oneroster.version"
                };
                log.fault_because(MANIFEST, None, Some("propertyName"), FaultCode::MissingProperty, why);
            }
        }
    }

    fn property(&mut self, property: &str, value: Option<&str>, line: u64, cells: &mut Cells<'_>) {
        match property {
            "manifest.version" => {
                if value != Some("1.0") {
                    cells.fault("value", FaultCode::UnsupportedVersion);
                }
            }
            "oneroster.version" => {
                let value = value.unwrap_or_default();
                let minor = value.get(..3).filter(|_| value.len() == 3 || value.get(3..4) == Some("."));
                self.version = match minor {
                    Some("1.1") => Some(Version::V1_1),
                    Some("1.2") => Some(Version::V1_2),
                    _ => {
                        cells.fault("value", FaultCode::UnsupportedVersion);
                        None
                    }
                };
                if self.version.is_some() && value.len() > 3 {
                    cells.warn("value", WarningCode::PatchVersion);
                }
            }
            "source.systemName" => self.source.system_name = value.map(str::to_owned),
            "source.systemCode" => self.source.system_code = value.map(str::to_owned),
            _ => {
                let Some(stem) = property.strip_prefix("file.") else {
                    return cells.warn("propertyName", WarningCode::UnknownProperty);
                };
                let kind = FileKind::ALL.iter().find(|kind| kind.stem().eq_ignore_ascii_case(stem));
                if kind.is_none() && !is_other_file(stem) {
                    return cells.warn("propertyName", WarningCode::UnknownProperty);
                }
                let mode = cells.required_choice::<Mode>("value");
                if let (Some(kind), Some(mode)) = (kind, mode) {
                    self.modes.insert(*kind, (line, mode));
                }
            }
        }
    }

    /// The mode to read a file in, after comparing what is said with what is there.
    fn agreed_mode(&self, kind: FileKind, version: Version, there: bool, log: &mut Log) -> Mode {
        let file = kind.file_name();
        if kind == FileKind::Roles && version == Version::V1_1 {
            // 1.1 does not know the file; a stray one would give people two sets of roles.
            if there {
                log.warn(file, None, None, WarningCode::IgnoredFile);
            }
            return Mode::Absent;
        }
        match (self.modes.get(&kind), there) {
            (Some((_, Mode::Absent)), true) => {
                log.fault(file, None, None, FaultCode::UnexpectedFile);
                Mode::Bulk
            }
            (Some((_, mode @ (Mode::Bulk | Mode::Delta))), true) => *mode,
            (Some((line, Mode::Bulk | Mode::Delta)), false) => {
                log.fault_because(
                    file,
                    None,
                    None,
                    FaultCode::MissingFile,
                    format!("the manifest (line {line}) says that this file is there, but it is not"),
                );
                Mode::Absent
            }
            (None, true) => {
                if self.read {
                    log.warn(file, None, None, WarningCode::UnlistedFile);
                }
                Mode::Bulk
            }
            (_, false) => {
                // Without schools and people there is no roster; a delta may leave any file out.
                let needed = matches!(kind, FileKind::Orgs | FileKind::Users | FileKind::Roles);
                if needed && !self.modes.values().any(|(_, mode)| *mode == Mode::Delta) {
                    log.fault(file, None, None, FaultCode::MissingFile);
                }
                Mode::Absent
            }
        }
    }
}
