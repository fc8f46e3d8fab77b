//! The plan of a run: what the engine writes for the loader, as one file that the loader maps.
//!
//! Numbers are little-endian and 8 bytes long, so that neither side needs more than a cursor: a header
//! of [`Field`]s, then records and texts at the offsets that the header names.

/// First bytes of a plan; another version of the loader refuses it.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"graft-01");

/// Places in the header.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Magic,
    /// User and group that the container believes to have.
    User,
    Group,
    /// Device number of the root.
    Device,
    /// Host path of the root: offset and length.
    Root,
    RootBytes,
    /// Host path of the loader: offset and length without the zero byte behind it.
    Loader,
    LoaderBytes,
    /// Records of mounts: offset and count.
    Mounts,
    MountCount,
    /// Records of files, by inode: offset and count.
    Files,
    FileCount,
    /// Host path of the directory of known sites: offset and length.
    Sites,
    SitesBytes,
    /// Records of files whose sites are known: offset and count.
    Known,
    KnownCount,
}

pub(crate) const WORD: usize = 8;
/// Guest path, its length, host path, its length, inode of the link that stands for it, and [`READ_ONLY`] and
/// [`DIRECTORY`].
pub(crate) const MOUNT_WORDS: usize = 6;
pub(crate) const READ_ONLY: usize = 1;
pub(crate) const DIRECTORY: usize = 2;
/// Inode, and number of links in the image.
pub(crate) const FILE_WORDS: usize = 2;

/// What a file's content is known by: device, inode, size, and seconds and nanoseconds of its last change.
pub(crate) type Key = [u64; 5];
/// [`Key`], then the offset of the file's sites, one word each, and their count.
pub(crate) const KNOWN_WORDS: usize = 7;

/// A mapped plan.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a>(&'a [u8]);

/// A part of the file tree that is elsewhere on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mount<'a> {
    pub(crate) guest: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) inode: u64,
    pub(crate) read_only: bool,
    pub(crate) is_directory: bool,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let plan = Self(bytes);
        (plan.field(Field::Magic) == MAGIC as usize).then_some(plan)
    }

    pub(crate) fn field(&self, field: Field) -> usize {
        self.word(0, field as usize)
    }

    pub(crate) fn root(&self) -> &'a [u8] {
        self.text(self.field(Field::Root), self.field(Field::RootBytes))
    }

    /// Host path of the loader with a zero byte at its end.
    pub(crate) fn loader(&self) -> &'a [u8] {
        self.text(
            self.field(Field::Loader),
            self.field(Field::LoaderBytes) + 1,
        )
    }

    /// Host path of the directory of known sites.
    pub(crate) fn sites(&self) -> &'a [u8] {
        self.text(self.field(Field::Sites), self.field(Field::SitesBytes))
    }

    pub(crate) fn mounts(&self) -> impl Iterator<Item = Mount<'a>> + use<'a> {
        let (plan, table) = (*self, self.field(Field::Mounts));
        (0..self.field(Field::MountCount)).map(move |index| {
            let word = |place| plan.word(table, index * MOUNT_WORDS + place);
            Mount {
                guest: plan.text(word(0), word(1)),
                host: plan.text(word(2), word(3)),
                inode: word(4) as u64,
                read_only: word(5) & READ_ONLY != 0,
                is_directory: word(5) & DIRECTORY != 0,
            }
        })
    }

    /// The sites of a file, as bytes of words, if they were known before the run.
    pub(crate) fn known(&self, key: &Key) -> Option<&'a [u8]> {
        let table = self.field(Field::Known);
        let word = |index: usize, place| self.word(table, index * KNOWN_WORDS + place);
        let is_file =
            |index: &usize| (0..key.len()).all(|place| word(*index, place) as u64 == key[place]);
        let index = (0..self.field(Field::KnownCount)).find(is_file)?;
        Some(self.text(word(index, 5), word(index, 6) * WORD))
    }

    /// The number of links that the image has to the file with this inode, if it is the image's.
    pub(crate) fn links(&self, inode: u64) -> Option<u64> {
        let table = self.field(Field::Files);
        let (mut low, mut high) = (0, self.field(Field::FileCount));
        while low < high {
            let middle = low.midpoint(high);
            let word = |place| self.word(table, middle * FILE_WORDS + place);
            match word(0) as u64 {
                found if found < inode => low = middle + 1,
                found if found > inode => high = middle,
                _ => return Some(word(1) as u64),
            }
        }
        None
    }

    fn word(&self, table: usize, index: usize) -> usize {
        let at = table + index * WORD;
        let bytes = self
            .0
            .get(at..at + WORD)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes) as usize
    }

    fn text(&self, offset: usize, length: usize) -> &'a [u8] {
        self.0.get(offset..offset + length).unwrap_or(b"")
    }
}
