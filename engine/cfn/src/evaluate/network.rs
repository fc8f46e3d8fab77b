//! Networks within a network, and zones of a region.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Networks that `Fn::Cidr` can make at once.
const MAX_COUNT: u32 = 256;

/// The first `count` networks within `block` that leave `host_bits` bits for hosts.
pub(super) fn networks(block: &str, count: u32, host_bits: u32) -> Result<Vec<String>, String> {
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(format!("can make 1 to {MAX_COUNT} networks, not {count}"));
    }
    let wrong = || format!("needs a network such as 10.0.0.0/16, not {block:?}");
    let (address, length) = block.split_once('/').ok_or_else(wrong)?;
    let length: u32 = length.parse().map_err(|_| wrong())?;
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        let address = u128::from(u32::from(address));
        let starts = starts(address, length, count, host_bits, 32).ok_or_else(|| full(block))?;
        let text = |start: u128| {
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            format!("{}/{}", Ipv4Addr::from(start), 32 - host_bits)
        };
        return Ok(starts.into_iter().map(text).collect());
    }
    let address = u128::from(address.parse::<Ipv6Addr>().map_err(|_| wrong())?);
    let starts = starts(address, length, count, host_bits, 128).ok_or_else(|| full(block))?;
    let text = |start| format!("{}/{}", Ipv6Addr::from(start), 128 - host_bits);
    Ok(starts.into_iter().map(text).collect())
}

/// Zones of a region as they are named nearly everywhere; which ones an account has is not known here.
pub(super) fn zones(region: &str) -> Vec<String> {
    ["a", "b", "c"]
        .iter()
        .map(|zone| format!("{region}{zone}"))
        .collect()
}

/// First addresses, if all networks fit.
fn starts(address: u128, length: u32, count: u32, host_bits: u32, bits: u32) -> Option<Vec<u128>> {
    let free_bits = bits.checked_sub(length)?;
    let network_bits = free_bits.checked_sub(host_bits).filter(|_| host_bits > 0)?;
    if network_bits < 32 && u64::from(count) > 1_u64 << network_bits {
        return None;
    }
    let mask = u128::MAX.checked_shl(free_bits).unwrap_or(0);
    let step = 1_u128.checked_shl(host_bits)?;
    let nth = |index: u32| (address & mask).checked_add(step.checked_mul(u128::from(index))?);
    (0..count).map(nth).collect()
}

fn full(block: &str) -> String {
    format!("does not find room for so many networks in {block}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_in_a_network() {
        let of = |block: &str, count, bits| networks(block, count, bits).map(|all| all.join(" "));
        assert_eq!(
            of("10.0.0.0/16", 2, 12).as_deref(),
            Ok("10.0.0.0/20 10.0.16.0/20")
        );
        assert_eq!(of("10.0.1.7/24", 1, 8).as_deref(), Ok("10.0.1.0/24"));
        assert_eq!(
            of("2001:db8::/56", 2, 64).as_deref(),
            Ok("2001:db8::/64 2001:db8:0:1::/64")
        );
        for (block, count, bits) in [
            ("10.0.0.0/24", 3, 7),
            ("10.0.0.0/16", 0, 8),
            ("10.0.0.0/16", 257, 4),
            ("10.0.0.0", 1, 8),
            ("10.0.0.0/33", 1, 8),
            ("10.0.0.0/16", 1, 0),
            ("10.0.0.0/0", 1, 40),
            ("::/0", 1, 200),
            ("x/8", 1, 8),
        ] {
            assert!(
                networks(block, count, bits).is_err(),
                "{block} {count} {bits}"
            );
        }
    }
}
