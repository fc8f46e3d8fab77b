//! Writing the plan that the loader reads.

use std::collections::BTreeMap;

use super::known::Words;
use super::plan::{self, Field, Key};

/// A plan in the making.
#[derive(Default)]
pub(crate) struct PlanBuilder {
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) device: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) loader: Vec<u8>,
    /// Directory of known sites.
    pub(crate) sites: Vec<u8>,
    pub(crate) mounts: Vec<MountRecord>,
    /// Inodes of files, and how many links the image has to each.
    files: BTreeMap<u64, u64>,
    /// Files of the root, and the sites in them.
    pub(crate) known: Vec<(Key, Words)>,
}

/// See [`plan::Mount`].
#[derive(Clone)]
pub(crate) struct MountRecord {
    pub(crate) guest: Vec<u8>,
    pub(crate) host: Vec<u8>,
    pub(crate) inode: u64,
    pub(crate) read_only: bool,
    pub(crate) is_directory: bool,
}

impl PlanBuilder {
    /// Adds a name of a file of the root.
    pub(crate) fn add_file(&mut self, inode: u64) {
        *self.files.entry(inode).or_default() += 1;
    }

    /// Whether a name of a file with this inode was added.
    pub(crate) fn has_file(&self, inode: u64) -> bool {
        self.files.contains_key(&inode)
    }

    /// The plan's bytes.
    pub(crate) fn build(&mut self) -> Vec<u8> {
        // The innermost mount is found first.
        self.mounts
            .sort_by_key(|mount| std::cmp::Reverse(mount.guest.len()));
        let header = (Field::KnownCount as usize + 1) * plan::WORD;
        let mounts = header;
        let files = mounts + self.mounts.len() * plan::MOUNT_WORDS * plan::WORD;
        let known = files + self.files.len() * plan::FILE_WORDS * plan::WORD;
        let (records, sites) = self.known_words(known);
        let mut texts = Texts {
            begin: known + (records.len() + sites.len()) * plan::WORD,
            bytes: Vec::new(),
        };
        let (root, loader) = (texts.add(&self.root), texts.add(&self.loader));
        let folder = texts.add(&self.sites);
        let mut words = vec![
            plan::MAGIC,
            u64::from(self.user),
            u64::from(self.group),
            self.device,
        ];
        words.extend([
            root,
            self.root.len() as u64,
            loader,
            self.loader.len() as u64,
        ]);
        words.extend([mounts as u64, self.mounts.len() as u64]);
        words.extend([files as u64, self.files.len() as u64]);
        words.extend([folder, self.sites.len() as u64]);
        words.extend([known as u64, self.known.len() as u64]);
        for mount in &self.mounts {
            let (guest, host) = (texts.add(&mount.guest), texts.add(&mount.host));
            words.extend([
                guest,
                mount.guest.len() as u64,
                host,
                mount.host.len() as u64,
            ]);
            let flags = if mount.read_only { plan::READ_ONLY } else { 0 }
                | if mount.is_directory {
                    plan::DIRECTORY
                } else {
                    0
                };
            words.extend([mount.inode, flags as u64]);
        }
        for (inode, links) in &self.files {
            words.extend([*inode, *links]);
        }
        words.extend(records.into_iter().chain(sites));
        let words = words.iter().flat_map(|word| word.to_le_bytes());
        words.chain(texts.bytes).collect()
    }

    /// Records of known files that stand at an offset, and the sites that follow all of them.
    fn known_words(&self, at: usize) -> (Vec<u64>, Vec<u64>) {
        let begin = at + self.known.len() * plan::KNOWN_WORDS * plan::WORD;
        let (mut records, mut sites) = (Vec::new(), Vec::new());
        for (key, words) in &self.known {
            let offset = begin + sites.len() * plan::WORD;
            records.extend(key);
            records.extend([offset as u64, words.len() as u64]);
            sites.extend(words.iter());
        }
        (records, sites)
    }
}

/// Texts behind the records, each with a zero byte at its end.
struct Texts {
    begin: usize,
    bytes: Vec<u8>,
}

impl Texts {
    fn add(&mut self, text: &[u8]) -> u64 {
        let offset = self.begin + self.bytes.len();
        self.bytes.extend(text);
        self.bytes.push(0);
        offset as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Mount, Plan};
    use super::*;

    #[test]
    fn the_loader_reads_what_is_written() {
        let mount = |guest: &str| MountRecord {
            guest: guest.into(),
            host: b"/host".to_vec(),
            inode: 7,
            read_only: guest.len() > 4,
            is_directory: true,
        };
        let mut builder = PlanBuilder {
            user: 3,
            device: 9,
            root: b"/r".to_vec(),
            sites: b"/s".to_vec(),
            loader: b"/l".to_vec(),
            mounts: vec![mount("/dev"), mount("/dev/shm")],
            ..PlanBuilder::default()
        };
        let keys = [[1, 2, 3, 4, 5], [1, 2, 3, 4, 6], [2; 5]];
        builder.known.push((keys[0], [7, 8].into()));
        builder.known.push((keys[1], [].into()));
        for inode in [12, 12, 5] {
            builder.add_file(inode);
        }
        let bytes = builder.build();
        let plan = Plan::new(&bytes).unwrap();
        assert_eq!((plan.field(Field::User), plan.field(Field::Group)), (3, 0));
        assert_eq!(plan.field(Field::Device), 9);
        assert_eq!(plan.root(), b"/r");
        assert_eq!(plan.sites(), b"/s");
        assert_eq!(plan.loader(), b"/l\0");
        let sites = [7_u64, 8].map(u64::to_le_bytes).concat();
        let expected = [Some(sites.as_slice()), Some(b"".as_slice()), None];
        assert_eq!(keys.map(|key| plan.known(&key)), expected);
        let first = plan.mounts().next();
        let expected = Mount {
            guest: b"/dev/shm",
            host: b"/host",
            inode: 7,
            read_only: true,
            is_directory: true,
        };
        assert_eq!(first, Some(expected));
        assert_eq!(
            [12, 5, 6].map(|inode| plan.links(inode)),
            [Some(2), Some(1), None]
        );
    }
}
