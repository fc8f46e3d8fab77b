//! The sites of a file: known from the plan, or looked for once in a run and then known to all its processes.

use crate::plan::Key;
use crate::scan::{Site, scan_file};
use crate::state::state;
use crate::sys::{
    self, AT_FDCWD, Answer, File, MAP_ANONYMOUS, MAP_NORESERVE, MAP_PRIVATE, READABLE, Status,
    WRITABLE,
};
use crate::text::Text;

/// Most sites of a file; large programs have some hundreds.
const MAX_SITES: usize = 1 << 16;
const WORD: usize = size_of::<u64>();

/// Sites in memory that is mapped for them.
pub(crate) struct Sites {
    at: usize,
    bytes: usize,
    count: usize,
}

impl Drop for Sites {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: mapped for this value alone.
            unsafe { sys::unmap(self.at, self.bytes) };
        }
    }
}

impl Sites {
    /// The sites of a file that were known before the run.
    pub(crate) fn known(status: &Status) -> Option<Self> {
        state().plan.known(&key(status)).map(Self::planned)
    }

    /// The sites of an open file with this status.
    pub(crate) fn of(file: &File, status: &Status) -> Answer<Self> {
        if !status.is_file() || status.size() == 0 {
            return Err(sys::ENOEXEC);
        }
        let mut path = Text::new();
        let is_named = name(status, &mut path).is_ok();
        if let Some(known) = is_named.then(|| Self::read(&path)).and_then(Result::ok) {
            return Ok(known);
        }
        let sites = Self::in_file(file, status.size())?;
        if is_named {
            // Without room on the disk every process looks for itself.
            let _ = sites.write(&mut path);
        }
        Ok(sites)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Site> {
        // SAFETY: that many words are there, as long as this value lives.
        let words = unsafe { core::slice::from_raw_parts(self.at as *const u64, self.count) };
        words.iter().map(|&word| Site::from_word(word))
    }

    fn read(path: &Text) -> Answer<Self> {
        let file = File::open(AT_FDCWD, path.pointer(), 0, 0)?;
        let bytes = file.status()?.size();
        if bytes == 0 {
            return Ok(Self::none());
        }
        // SAFETY: a new place.
        let at = unsafe { sys::map(0, bytes, READABLE, MAP_PRIVATE, Some((&file, 0))) }?;
        Ok(Self {
            at,
            bytes,
            count: bytes / WORD,
        })
    }

    /// Words of the plan, where they lie at a multiple of their size.
    fn planned(words: &'static [u8]) -> Self {
        let (at, count) = (words.as_ptr() as usize, words.len() / WORD);
        if count == 0 || !at.is_multiple_of(WORD) {
            return Self::none();
        }
        Self {
            at,
            bytes: 0,
            count,
        }
    }

    /// No sites, at an address that is good for an empty list.
    fn none() -> Self {
        Self {
            at: WORD,
            bytes: 0,
            count: 0,
        }
    }

    fn in_file(file: &File, size: usize) -> Answer<Self> {
        // SAFETY: a new place.
        let content = unsafe { sys::map(0, size, READABLE, MAP_PRIVATE, Some((file, 0))) }?;
        // SAFETY: mapped with this size. Who shortens the file meanwhile ends himself.
        let slice = unsafe { core::slice::from_raw_parts(content as *const u8, size) };
        let sites = Self::find(slice, scan_file);
        // SAFETY: the content is not used any more.
        unsafe { sys::unmap(content, size) };
        sites
    }

    /// What `scan` finds in a piece of code or a file.
    pub(crate) fn find(content: &[u8], scan: fn(&[u8], &mut dyn FnMut(Site))) -> Answer<Self> {
        let bytes = MAX_SITES * WORD;
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        // SAFETY: a new place.
        let at = unsafe { sys::map(0, bytes, READABLE | WRITABLE, flags, None) }?;
        let mut sites = Self {
            at,
            bytes,
            count: 0,
        };
        scan(content, &mut |site| {
            if sites.count < MAX_SITES {
                // SAFETY: there is room for that many.
                unsafe { (at as *mut u64).add(sites.count).write(site.to_word()) };
                sites.count += 1;
            }
        });
        Ok(sites)
    }

    /// Writes the list under another name first: it is there as a whole or not at all.
    fn write(&self, path: &mut Text) -> Answer<()> {
        const O_WRONLY: usize = 1;
        const O_CREAT: usize = 0o100;
        const O_EXCL: usize = 0o200;
        let mut new = Text::new();
        new.push(path.bytes())?;
        new.push(b".new")?;
        let file = File::open(AT_FDCWD, new.pointer(), O_WRONLY | O_CREAT | O_EXCL, 0o600)?;
        // SAFETY: that many words are there.
        file.write(unsafe { core::slice::from_raw_parts(self.at as *const u8, self.count * WORD) });
        let is_whole = file.status()?.size() == self.count * WORD;
        let paths = [new.pointer() as usize, path.pointer() as usize, 0, 0, 0, 0];
        if is_whole {
            // SAFETY: both paths are live strings.
            sys::check(unsafe { sys::call(crate::numbers::RENAME, paths) })?;
        }
        Ok(())
    }
}

fn key(status: &Status) -> Key {
    const CHANGED_SECONDS: usize = 11;
    [
        status.device(),
        status.inode(),
        status.size() as u64,
        status.0[CHANGED_SECONDS],
        status.0[CHANGED_SECONDS + 1],
    ]
}

/// A name for the file's content.
pub(crate) fn name(status: &Status, path: &mut Text) -> Answer<()> {
    path.push(state().plan.sites())?;
    for (at, word) in key(status).into_iter().enumerate() {
        path.push(if at == 0 { b"/" } else { b"-" })?;
        path.push_number(word as usize)?;
    }
    Ok(())
}
