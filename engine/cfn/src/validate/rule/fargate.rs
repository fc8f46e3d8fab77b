//! Sizes of Fargate ("`ResourceRequirement`" of the Batch API reference).

/// Memory in MiB for each number of vCPUs: the least, the most, and the step between.
const SIZES: &[(f64, f64, f64, f64)] = &[
    (0.5, 1024.0, 4096.0, 1024.0),
    (1.0, 2048.0, 8192.0, 1024.0),
    (2.0, 4096.0, 16_384.0, 1024.0),
    (4.0, 8192.0, 30_720.0, 1024.0),
    (8.0, 16_384.0, 61_440.0, 4096.0),
    (16.0, 32_768.0, 122_880.0, 8192.0),
    (32.0, 65_536.0, 249_856.0, 8192.0),
];
/// Memory for a quarter of a vCPU.
const SMALLEST: &[f64] = &[512.0, 1024.0, 2048.0];

/// What is wrong with a size.
pub(super) fn problem(vcpus: f64, memory_mib: f64) -> Option<String> {
    if vcpus == 0.25 {
        let fits = SMALLEST.contains(&memory_mib);
        return (!fits).then(|| "0.25 vCPU on Fargate go with 512, 1024 or 2048 MiB".to_owned());
    }
    let Some((_, least, most, step)) = SIZES.iter().find(|(size, ..)| *size == vcpus) else {
        return Some(format!(
            "Fargate has 0.25, 0.5, 1, 2, 4, 8, 16 or 32 vCPU, not {vcpus}"
        ));
    };
    let fits = (*least..=*most).contains(&memory_mib) && (memory_mib - least) % step == 0.0;
    (!fits).then(|| format!("{vcpus} vCPU on Fargate go with {least} to {most} MiB in steps of {step}, not {memory_mib}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        for (vcpus, memory) in [
            (0.25, 512.0),
            (0.5, 3072.0),
            (1.0, 2048.0),
            (4.0, 30_720.0),
            (16.0, 122_880.0),
        ] {
            assert_eq!(problem(vcpus, memory), None, "{vcpus} {memory}");
        }
        for (vcpus, memory) in [
            (0.25, 4096.0),
            (0.5, 512.0),
            (3.0, 8192.0),
            (8.0, 17_408.0),
            (1.0, 9216.0),
        ] {
            assert!(problem(vcpus, memory).is_some(), "{vcpus} {memory}");
        }
    }
}
