//! A disk that is small enough to be filled.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system in memory with a size of its own. Gone when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    mount: TempDir,
}

impl SmallDisk {
    /// A disk of so many megabytes; none if this machine doesn't let us mount one (that takes root), which is said loudly.
    #[must_use]
    pub fn mount(megabytes: u32) -> Option<Self> {
        let mount = tempfile::Builder::new().prefix("s24-disk-").tempdir().expect("a directory");
        let size = format!("size={megabytes}m,mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(mount.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { mount });
        }
        #[allow(clippy::print_stderr)]
        {
            eprintln!("SKIPPED: a small disk can't be mounted here, so this test proves nothing (run it as root, with CAP_SYS_ADMIN)");
        }
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Fills it up: nothing more can be written.
    pub fn fill(&self) {
        // `dd` says that the disk is full, which is what is wanted.
        let status = Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", self.filler().display()))
            .stderr(std::process::Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| !status.success()), "the disk is not full");
    }

    /// Makes room again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("the filler is gone");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that is being stopped may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
