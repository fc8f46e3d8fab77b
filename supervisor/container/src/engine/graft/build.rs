//! Writing the plan that the loader reads.

use std::collections::BTreeMap;

use super::plan::{self, Field};
use super::scan::{Site, is_program, scan_file};

/// A larger program is looked at by the loader, which can map it instead of reading it.
const MAX_PROGRAM_BYTES: u64 = 32 << 20;

/// A plan in the making.
#[derive(Default)]
pub(crate) struct PlanBuilder {
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) device: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) loader: Vec<u8>,
    pub(crate) mounts: Vec<MountRecord>,
    files: BTreeMap<u64, FileRecord>,
    sites: Vec<u64>,
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

struct FileRecord {
    size: u64,
    first: u64,
    count: u64,
    links: u64,
}

impl PlanBuilder {
    /// Adds a name of a file of the root; `read` gives its content, and only that of programs is asked for.
    pub(crate) fn add_file(
        &mut self,
        inode: u64,
        size: u64,
        mut read: impl FnMut(u64) -> std::io::Result<Vec<u8>>,
    ) -> std::io::Result<()> {
        const MAGIC_BYTES: u64 = 20;
        if let Some(known) = self.files.get_mut(&inode) {
            known.links += 1;
            return Ok(());
        }
        let mut record = FileRecord {
            size,
            first: self.sites.len() as u64,
            count: 0,
            links: 1,
        };
        if size >= MAGIC_BYTES && is_program(&read(MAGIC_BYTES)?) {
            if size > MAX_PROGRAM_BYTES {
                record.first = plan::UNKNOWN as u64;
            } else {
                scan_file(&read(size)?, &mut |site| self.sites.push(packed(site)));
                record.count = self.sites.len() as u64 - record.first;
            }
        }
        self.files.insert(inode, record);
        Ok(())
    }

    /// The plan's bytes.
    pub(crate) fn build(&mut self) -> Vec<u8> {
        // The innermost mount is found first.
        self.mounts
            .sort_by_key(|mount| std::cmp::Reverse(mount.guest.len()));
        let header = (Field::Sites as usize + 1) * plan::WORD;
        let mounts = header;
        let files = mounts + self.mounts.len() * plan::MOUNT_WORDS * plan::WORD;
        let sites = files + self.files.len() * plan::FILE_WORDS * plan::WORD;
        let mut texts = Texts {
            begin: sites + self.sites.len() * plan::WORD,
            bytes: Vec::new(),
        };
        let (root, loader) = (texts.add(&self.root), texts.add(&self.loader));
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
        words.extend([files as u64, self.files.len() as u64, sites as u64]);
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
        for (inode, file) in &self.files {
            words.extend([*inode, file.size, file.first, file.count, file.links]);
        }
        words.extend(&self.sites);
        let words = words.iter().flat_map(|word| word.to_le_bytes());
        words.chain(texts.bytes).collect()
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

fn packed(site: Site) -> u64 {
    site.offset | u64::from(site.length) << 48 | u64::from(site.position) << 56
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
            loader: b"/l".to_vec(),
            mounts: vec![mount("/dev"), mount("/dev/shm")],
            ..PlanBuilder::default()
        };
        let code = |_| Ok(vec![0; 64]);
        builder.add_file(12, 64, code).unwrap();
        builder.add_file(12, 64, code).unwrap();
        builder.add_file(5, 64, code).unwrap();
        let bytes = builder.build();
        let plan = Plan::new(&bytes).unwrap();
        assert_eq!(plan.field(Field::User), 3);
        assert_eq!(plan.field(Field::Device), 9);
        assert_eq!(plan.root(), b"/r");
        assert_eq!(plan.loader(), b"/l\0");
        let first = plan.mounts().next();
        let expected = Mount {
            guest: b"/dev/shm",
            host: b"/host",
            inode: 7,
            read_only: true,
            is_directory: true,
        };
        assert_eq!(first, Some(expected));
        assert_eq!(plan.file(12).map(|file| file.links), Some(2));
        assert_eq!(
            plan.file(5).map(|file| (file.size, file.count)),
            Some((64, 0))
        );
        assert_eq!(plan.file(6), None);
    }

    #[test]
    fn sites_survive_packing() {
        let site = Site {
            offset: 0x1234_5678,
            length: 7,
            position: 5,
        };
        let mut builder = PlanBuilder::default();
        builder.sites.push(packed(site));
        let bytes = builder.build();
        assert_eq!(Plan::new(&bytes).unwrap().site(0), site);
    }
}
