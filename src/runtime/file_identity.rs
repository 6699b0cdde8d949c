//! The identity of a file: if it is the same, the file is unchanged.

/// The numbers of a file and of its last change: device, inode, size, and the times in nanoseconds since 1970 at which
/// the content and the file itself changed.
pub type FileNumbers = (u64, u64, u64, i128, i128);

/// The identity of a regular file in a folder, if its last change was before this time, in seconds since 1970. Links are not
/// followed.
#[cfg(unix)]
#[must_use]
pub fn of(folder: &str, path: &str, before: f64) -> Option<FileNumbers> {
    use std::fs::{File, symlink_metadata};
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{Mode, OFlags, open};

    if !symlink_metadata(folder).ok()?.is_dir() {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // The opened file is asked: the metadata of a path may be outdated if the file is on another machine.
    let found = File::from(open(path, flags, Mode::empty()).ok()?).metadata().ok()?;
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let changed = nanoseconds(found.mtime(), found.mtime_nsec());
    let touched = nanoseconds(found.ctime(), found.ctime_nsec());
    #[allow(clippy::cast_possible_truncation, reason = "a moment that is no time is before or after all of them")]
    let before = (before * 1e9) as i128;
    let is_settled = found.is_file() && changed.max(touched) <= before;
    is_settled.then(|| (found.dev(), found.ino(), found.size(), changed, touched))
}

/// Always `None`: on this system, the owner of a file can set every value of it.
#[cfg(not(unix))]
#[must_use]
pub fn of(_folder: &str, _path: &str, _before: f64) -> Option<FileNumbers> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const ANY: f64 = f64::INFINITY;

    #[test]
    fn a_file_is_known_once_it_is_old_enough_and_only_where_no_link_leads() {
        let root = std::env::temp_dir().join(format!("file-identity-{}", std::process::id()));
        let (folder, link) = (root.join("folder"), root.join("link"));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("file");
        fs::write(&file, "text").unwrap();
        symlink(&folder, &link).unwrap();
        symlink(&file, folder.join("other")).unwrap();
        let known = |folder: &std::path::Path, name: &str, before| {
            of(folder.to_str().unwrap(), folder.join(name).to_str().unwrap(), before)
        };
        let first = known(&folder, "file", ANY).unwrap();
        assert_eq!((first.2, known(&folder, "file", ANY)), (4, Some(first)));
        #[allow(clippy::cast_precision_loss, reason = "a difference of a second is enough")]
        let touched = first.3.max(first.4) as f64 / 1e9;
        assert_eq!(known(&folder, "file", touched + 1.0), Some(first));
        assert_eq!(known(&folder, "file", touched - 1.0), None);
        assert_eq!(known(&folder, "file", f64::NAN), None);
        assert_eq!([known(&link, "file", ANY), known(&folder, "other", ANY)], [None, None]);
        assert_eq!([known(&root, "folder", ANY), known(&folder, "none", ANY), known(&file, "", ANY)], [None; 3]);
        assert_eq!(known(&folder, "fi\0le", ANY), None);
        fs::write(&file, "longer").unwrap();
        assert_ne!(known(&folder, "file", ANY), Some(first));
        fs::remove_dir_all(&root).unwrap();
    }
}
