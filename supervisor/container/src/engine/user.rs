//! The user that an image names, looked up in the image's own files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;
use crate::rooted::Root;

/// A larger file is not a list of users.
const MAX_BYTES: u64 = 1 << 20;

/// A user inside the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Home directory; `/` if the image does not say.
    pub(crate) home: String,
}

/// Finds `user`, `uid`, `user:group` or `uid:gid`. An empty text is root.
pub(crate) fn find(root: &Root, text: &str) -> Result<User, Error> {
    let passwd = read(root, "etc/passwd")?;
    let group_file = read(root, "etc/group")?;
    let (name, group) = match text.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (text, None),
    };
    let mut user = find_user(&passwd, if name.is_empty() { "0" } else { name })
        .ok_or_else(|| Error::Job(format!("the image has no user {name:?}")))?;
    if let Some(group) = group {
        user.gid = find_group(&group_file, group)
            .ok_or_else(|| Error::Job(format!("the image has no group {group:?}")))?;
    }
    Ok(user)
}

fn find_user(passwd: &str, wanted: &str) -> Option<User> {
    let number = wanted.parse::<u32>().ok();
    for line in passwd.lines() {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields.as_slice() else {
            continue;
        };
        let (Ok(uid), Ok(gid)) = (uid.parse::<u32>(), gid.parse::<u32>()) else {
            continue;
        };
        if *name == wanted || number == Some(uid) {
            let home = if home.is_empty() { "/" } else { home };
            return Some(User {
                uid,
                gid,
                home: home.to_owned(),
            });
        }
    }
    number.map(|uid| User {
        uid,
        gid: 0,
        home: "/".to_owned(),
    })
}

fn find_group(groups: &str, wanted: &str) -> Option<u32> {
    let gid = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse::<u32>().ok()?;
        (name == wanted).then_some(gid)
    };
    wanted.parse().ok().or_else(|| groups.lines().find_map(gid))
}

/// A regular file of limited size inside the root; empty if there is none.
fn read(root: &Root, path: &str) -> Result<String, Error> {
    let failed = |error| Error::file("read in the image", Path::new(path), error);
    let Ok(file) = root.file(Path::new(path)) else {
        return Ok(String::new());
    };
    let file = File::from(file);
    let status = file.metadata().map_err(failed)?;
    if !status.is_file() || status.len() > MAX_BYTES {
        return Err(Error::Job(format!(
            "/{path} of the image is not a usable file"
        )));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_name_and_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbad\nweb:x:33:34::/srv:/bin/false\n";
        let web = User {
            uid: 33,
            gid: 34,
            home: "/srv".into(),
        };
        assert_eq!(find_user(passwd, "web"), Some(web.clone()));
        assert_eq!(find_user(passwd, "33"), Some(web));
        assert_eq!(
            find_user(passwd, "77").map(|user| (user.uid, user.gid)),
            Some((77, 0))
        );
        assert_eq!(find_user(passwd, "nobody"), None);
        assert_eq!(find_group("a:x:5:\n", "a"), Some(5));
    }
}
