//! The zip around the files, and what it may cost. Promises: no entry is unpacked past its limits, whatever its header
//! claims; nothing is written anywhere; only files that a roster needs are unpacked at all.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek, SeekFrom};

use zip::ZipArchive;

use crate::file::{FileKind, OTHER_FILES};
use crate::report::{FaultCode, Log, WarningCode};

/// What a bundle may cost. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The zip as it arrives.
    pub max_archive: u64,
    /// Entries in it, folders included.
    pub max_entries: usize,
    /// One file, unpacked.
    pub max_file: u64,
    /// All files, unpacked.
    pub max_total: u64,
    /// Unpacked size over packed size of one file, looked at once it passes 1 MiB.
    pub max_ratio: u64,
    /// Rows of one file, the header aside.
    pub max_rows: u64,
    /// Columns of one file.
    pub max_columns: usize,
    /// One field.
    pub max_field: usize,
    /// Faults kept in the report; the rest are counted.
    pub max_faults: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            max_archive: 16 * MIB,
            max_entries: 64,
            max_file: 32 * MIB,
            max_total: 96 * MIB,
            max_ratio: 200,
            max_rows: 100_000,
            max_columns: 256,
            max_field: 4096,
            max_faults: 1000,
        }
    }
}

/// Below this size the ratio says nothing: a short file of equal rows packs well.
const RATIO_FLOOR: u64 = 1 << 20;
const CHUNK: u64 = 1 << 16;
/// What faults of the archive as a whole are filed under.
const WHOLE: &str = "zip";
const ARCHIVES: &[&str] = &["zip", "gz", "tgz", "bz2", "xz", "7z", "rar", "tar", "zst"];

/// An opened zip whose entries are all fit to read.
pub(crate) struct Archive<R> {
    zip: ZipArchive<R>,
    /// None for one that is there but must not be read; why has been noted.
    entries: BTreeMap<FileKind, Option<usize>>,
    unpacked: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens the zip and looks at every entry's header. None if it can't be read at all; lesser faults are in the log.
    pub(crate) fn open(mut reader: R, limits: &Limits, log: &mut Log) -> Option<Self> {
        let Ok(size) = reader.seek(SeekFrom::End(0)) else {
            log.fault(WHOLE, None, None, FaultCode::NotAZip);
            return None;
        };
        if size > limits.max_archive {
            log.fault(WHOLE, None, None, FaultCode::ArchiveTooLarge);
            return None;
        }
        let Ok(mut zip) = ZipArchive::new(reader) else {
            log.fault(WHOLE, None, None, FaultCode::NotAZip);
            return None;
        };
        if zip.len() > limits.max_entries {
            log.fault(WHOLE, None, None, FaultCode::TooManyEntries);
            return None;
        }
        if zip.has_duplicate_names() {
            log.fault(WHOLE, None, None, FaultCode::DuplicateEntry);
        }
        match zip.has_overlapping_entries() {
            Ok(false) => {}
            Ok(true) => log.fault(WHOLE, None, None, FaultCode::OverlappingEntries),
            Err(_) => log.fault(WHOLE, None, None, FaultCode::NotAZip),
        }
        let entries = catalogue(&zip, limits, log);
        Some(Self { zip, entries, unpacked: 0 })
    }

    pub(crate) fn holds(&self, kind: FileKind) -> bool {
        self.entries.contains_key(&kind)
    }

    /// Unpacks one file, counting what really comes out.
    pub(crate) fn unpack(&mut self, kind: FileKind, limits: &Limits, log: &mut Log) -> Option<Vec<u8>> {
        let file = kind.file_name();
        let index = (*self.entries.get(&kind)?)?;
        let Ok(mut entry) = self.zip.by_index(index) else {
            log.fault(file, None, None, FaultCode::CorruptEntry);
            return None;
        };
        let packed = entry.compressed_size().max(1);
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            if (&mut entry).take(CHUNK).read_to_end(&mut bytes).is_err() {
                log.fault(file, None, None, FaultCode::CorruptEntry);
                return None;
            }
            let grown = (bytes.len() - before) as u64;
            if grown == 0 {
                return Some(bytes);
            }
            self.unpacked += grown;
            let size = bytes.len() as u64;
            if size > RATIO_FLOOR && size / packed > limits.max_ratio {
                log.fault(file, None, None, FaultCode::ZipBomb);
                return None;
            }
            if size > limits.max_file || self.unpacked > limits.max_total {
                log.fault(file, None, None, FaultCode::TooLarge);
                return None;
            }
        }
    }
}

/// Sorts the entries into files to read and files to ignore, and refuses what no honest roster has.
fn catalogue<R: Read + Seek>(zip: &ZipArchive<R>, limits: &Limits, log: &mut Log) -> BTreeMap<FileKind, Option<usize>> {
    let mut entries = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut top: Option<Option<String>> = None;
    for index in 0..zip.len() {
        let Ok(entry) = zip.by_index_data(index) else { continue };
        let Ok(name) = entry.name() else {
            log.fault(WHOLE, None, None, FaultCode::UnsafePath);
            continue;
        };
        let mut refuse = |code| log.fault(shown(&name), None, None, code);
        if !is_plain(&name) || entry.is_symlink() {
            refuse(FaultCode::UnsafePath);
            continue;
        }
        let path = name.trim_end_matches('/');
        if !seen.insert(path.to_lowercase()) {
            refuse(FaultCode::DuplicateEntry);
            continue;
        }
        // What a Mac or Windows adds when it makes a zip or shows a folder.
        if name.starts_with("__MACOSX/") {
            continue;
        }
        let (folder, file) = match path.split_once('/') {
            _ if entry.is_dir() => (Some(path), None),
            None => (None, Some(path)),
            Some((folder, file)) => (Some(folder), Some(file)),
        };
        let common = top.get_or_insert_with(|| folder.map(str::to_owned));
        if common.as_deref() != folder || folder.is_some_and(|f| f.contains('/')) || file.is_some_and(|f| f.contains('/')) {
            refuse(FaultCode::Folder);
            continue;
        }
        let Some(file) = file else { continue };
        let lower = file.to_lowercase();
        if let Some(kind) = FileKind::ALL.iter().find(|kind| kind.file_name().eq_ignore_ascii_case(file)) {
            let fault = if entry.encrypted() {
                Some(FaultCode::Encrypted)
            } else {
                (entry.size() > limits.max_file).then_some(FaultCode::TooLarge)
            };
            entries.insert(*kind, fault.is_none().then_some(index));
            if let Some(code) = fault {
                log.fault(kind.file_name(), None, None, code);
            }
        } else if entry.encrypted() {
            refuse(FaultCode::Encrypted);
        } else if lower.rsplit_once('.').is_some_and(|(_, extension)| ARCHIVES.contains(&extension)) {
            refuse(FaultCode::NestedArchive);
        } else if !matches!(lower.as_str(), ".ds_store" | "thumbs.db" | "desktop.ini") {
            log.warn(shown(file), None, None, WarningCode::IgnoredFile);
        }
    }
    entries
}

/// Whether a manifest may name this file although no roster needs it.
pub(crate) fn is_other_file(stem: &str) -> bool {
    OTHER_FILES.iter().any(|other| other.eq_ignore_ascii_case(stem))
}

fn is_plain(name: &str) -> bool {
    let path = name.strip_suffix('/').unwrap_or(name);
    !name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':')) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// An entry's name, safe to show: it comes from a stranger.
fn shown(name: &str) -> Cow<'static, str> {
    name.chars().take(80).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_names_pass() {
        for good in ["users.csv", "roster/users.csv", "roster/", "ролі.csv"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["../users.csv", "/users.csv", "a//b", "a/./b", "a\\b.csv", "C:users.csv", "a\0.csv", "", "/", "a/.."] {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    #[test]
    fn a_shown_name_is_short_and_has_no_control_characters() {
        assert_eq!(shown(&format!("\x1b[31m{}", "x".repeat(500))).chars().count(), 80);
        assert!(!shown("\x1b[31m").contains('\x1b'));
    }
}
