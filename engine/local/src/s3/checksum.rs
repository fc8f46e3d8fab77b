//! Checksums of bodies: MD5 for the ETag, and the checksum that the client chose.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::Checksum;
use s3s::{S3Error, s3_error};
use serde::{Deserialize, Serialize};

/// An algorithm of S3's additional checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Checksums by algorithm, in base64.
pub(super) type Checksums = BTreeMap<Algorithm, String>;

impl Algorithm {
    const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// Name in S3's requests and answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Reads [`Algorithm::name`], in any case.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Reads a header name such as `x-amz-checksum-crc32`.
    pub(super) fn from_header(name: &str) -> Option<Self> {
        Self::from_name(name.trim().strip_prefix("x-amz-checksum-")?)
    }

    /// Whether a multipart upload has the checksum of the whole object if nothing else is said.
    pub(super) fn is_full_by_default(self) -> bool {
        self == Self::Crc64Nvme
    }

    fn combiner(self) -> Option<crc_fast::CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(crc_fast::CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(crc_fast::CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// Hashes a body as it passes.
pub(super) struct Hasher {
    md5: Md5,
    chosen: ChecksumHasher,
}

impl Hasher {
    pub(super) fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut chosen = ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => chosen.crc32 = Some(Crc32::new()),
                Algorithm::Crc32c => chosen.crc32c = Some(Crc32c::new()),
                Algorithm::Crc64Nvme => chosen.crc64nvme = Some(Crc64Nvme::new()),
                Algorithm::Sha1 => chosen.sha1 = Some(Sha1::new()),
                Algorithm::Sha256 => chosen.sha256 = Some(Sha256::new()),
            }
        }
        Self {
            md5: Md5::new(),
            chosen,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.chosen.update(bytes);
    }

    /// The MD5 and the chosen checksums.
    pub(super) fn finish(self) -> ([u8; 16], Checksums) {
        (self.md5.finalize(), from_wire(&self.chosen.finalize()))
    }
}

/// Reads the checksum fields of an S3 structure.
macro_rules! checksums_of {
    ($from:expr) => {{
        let from = $from;
        let fields = [
            ($crate::s3::checksum::Algorithm::Crc32, &from.checksum_crc32),
            (
                $crate::s3::checksum::Algorithm::Crc32c,
                &from.checksum_crc32c,
            ),
            (
                $crate::s3::checksum::Algorithm::Crc64Nvme,
                &from.checksum_crc64nvme,
            ),
            ($crate::s3::checksum::Algorithm::Sha1, &from.checksum_sha1),
            (
                $crate::s3::checksum::Algorithm::Sha256,
                &from.checksum_sha256,
            ),
        ];
        let given = |(algorithm, text): ($crate::s3::checksum::Algorithm, &Option<String>)| {
            Some((algorithm, text.clone()?))
        };
        fields
            .into_iter()
            .filter_map(given)
            .collect::<$crate::s3::checksum::Checksums>()
    }};
}

/// Fills the checksum fields of an S3 structure.
macro_rules! set_checksums {
    ($into:expr, $checksums:expr) => {{
        let (into, checksums) = (&mut $into, $checksums);
        into.checksum_crc32 = checksums
            .get(&$crate::s3::checksum::Algorithm::Crc32)
            .cloned();
        into.checksum_crc32c = checksums
            .get(&$crate::s3::checksum::Algorithm::Crc32c)
            .cloned();
        into.checksum_crc64nvme = checksums
            .get(&$crate::s3::checksum::Algorithm::Crc64Nvme)
            .cloned();
        into.checksum_sha1 = checksums
            .get(&$crate::s3::checksum::Algorithm::Sha1)
            .cloned();
        into.checksum_sha256 = checksums
            .get(&$crate::s3::checksum::Algorithm::Sha256)
            .cloned();
    }};
}

pub(super) use {checksums_of, set_checksums};

fn from_wire(checksum: &Checksum) -> Checksums {
    checksums_of!(checksum)
}

/// Refuses a body whose checksum is not what the client said.
pub(super) fn compare(given: &Checksums, actual: &Checksums) -> Result<(), S3Error> {
    for (algorithm, text) in given {
        if actual.get(algorithm) != Some(text) {
            return Err(s3_error!(
                BadDigest,
                "The {} you specified did not match the calculated checksum.",
                algorithm.name()
            ));
        }
    }
    Ok(())
}

/// The checksum of a multipart object from those of its parts and their sizes: that of the whole
/// bytes, or that of the parts' checksums with their number. `None` if a part has none.
pub(super) fn combine(
    algorithm: Algorithm,
    full: bool,
    parts: &[(&Checksums, u64)],
) -> Option<String> {
    let raw = |checksums: &Checksums| STANDARD.decode(checksums.get(&algorithm)?).ok();
    if full {
        combine_full(algorithm, parts, raw)
    } else {
        combine_composite(algorithm, parts, raw)
    }
}

fn combine_full(
    algorithm: Algorithm,
    parts: &[(&Checksums, u64)],
    raw: impl Fn(&Checksums) -> Option<Vec<u8>>,
) -> Option<String> {
    let combiner = algorithm.combiner()?;
    let mut whole: Option<(u64, usize)> = None;
    for (checksums, size) in parts {
        let bytes = raw(checksums)?;
        let width = bytes.len();
        let value = bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        let before =
            whole.map(|(before, _)| crc_fast::checksum_combine(combiner, before, value, *size));
        whole = Some((before.unwrap_or(value), width));
    }
    let (value, width) = whole?;
    Some(STANDARD.encode(value.to_be_bytes().get(8usize.checked_sub(width)?..)?))
}

fn combine_composite(
    algorithm: Algorithm,
    parts: &[(&Checksums, u64)],
    raw: impl Fn(&Checksums) -> Option<Vec<u8>>,
) -> Option<String> {
    let mut hasher = Hasher::new([algorithm]);
    for (checksums, _) in parts {
        hasher.update(&raw(checksums)?);
    }
    let (_, mut checksums) = hasher.finish();
    Some(format!("{}-{}", checksums.remove(&algorithm)?, parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_checksums_combine_to_that_of_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let hash = |bytes: &[u8]| {
                let mut hasher = Hasher::new([algorithm]);
                hasher.update(bytes);
                hasher.finish().1
            };
            let (first, second, third) = (hash(b"hello "), hash(b"wide"), hash(b" world"));
            let parts = [(&first, 6), (&second, 4), (&third, 6)];
            let whole = hash(b"hello wide world");
            assert_eq!(
                combine(algorithm, true, &parts).as_ref(),
                whole.get(&algorithm)
            );
        }
    }
}
