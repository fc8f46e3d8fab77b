//! Hiding a process from the programs that it runs: as the same user they could read its memory, open its
//! files and see the variables that it was started with.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Fields of `/proc/self/stat`, counted from behind the name: where the variables begin and end, `env_start`
/// and `env_end` of proc_pid_stat(5).
const BEGIN: usize = 47;
const END: usize = 48;

/// Keeps other processes of this user from reading this process' memory and files, and overwrites the values
/// of these variables as they are shown to others, for sandboxes that refuse the former. The variables are
/// empty from then on: whoever needs them reads them before.
pub fn conceal(variables: &[&str]) {
    // Afterwards the file belongs to root. Without `/proc` there is nothing to hide from.
    let _ = overwrite(variables);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn overwrite(variables: &[&str]) -> io::Result<()> {
    let all = fs::read("/proc/self/environ")?;
    let status = fs::read_to_string("/proc/self/stat")?;
    let fields = status.rsplit_once(')').map_or("", |(_, fields)| fields);
    let address = |field| fields.split_whitespace().nth(field)?.parse::<u64>().ok();
    let (Some(begin), Some(end)) = (address(BEGIN), address(END)) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let memory = File::options().write(true).open("/proc/self/mem")?;
    for (offset, length) in values(&all, variables) {
        if begin + offset + length <= end {
            memory.write_all_at(
                &vec![0; usize::try_from(length).unwrap_or(0)],
                begin + offset,
            )?;
        }
    }
    Ok(())
}

/// Where the values of these variables are in a list of all, and how long they are.
fn values(all: &[u8], variables: &[&str]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut offset = 0;
    for entry in all.split(|&byte| byte == 0) {
        let name = entry.iter().position(|&byte| byte == b'=');
        let is_wanted = |name: &usize| {
            let name = &entry[..*name];
            variables.iter().any(|wanted| wanted.as_bytes() == name)
        };
        if let Some(name) = name.filter(is_wanted) {
            found.push(((offset + name + 1) as u64, (entry.len() - name - 1) as u64));
        }
        offset += entry.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_found_by_whole_names() {
        let all = b"A=1\0AB=x=y\0B\0=A=2\0C=\0AB=z\0";
        assert_eq!(values(all, &["AB", "C"]), [(7, 3), (20, 0), (24, 1)]);
        assert_eq!(values(b"", &["A"]), []);
        assert_eq!(values(b"B", &["B"]), []);
    }
}
