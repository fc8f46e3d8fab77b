//! The small workflows that `scar init` writes.

/// A small workflow to start from.
pub(crate) struct Starter {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// What it shows, in a few words.
    pub(crate) about: &'static str,
    /// Programs that its image needs, if it is one of this machine's programs.
    pub(crate) programs: &'static str,
    /// Name and text of every file, the manifest first.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

macro_rules! starter_files {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_str!(concat!("../starters/", $folder, "/", $name)))),+]
    };
}

/// All of them, the plainest first.
pub(crate) const STARTERS: [Starter; 7] = [
    Starter {
        name: "quickstart",
        about: "one stage: a file comes, a result appears",
        programs: "sh tr sort uniq head",
        files: starter_files!("quickstart": "workflow.yaml", "top.sh"),
    },
    Starter {
        name: "chain",
        about: "two stages: what the first one writes starts the second one",
        programs: "sh tr sort uniq head",
        files: starter_files!("chain": "workflow.yaml", "words.sh"),
    },
    Starter {
        name: "fan",
        about: "one file becomes many tasks, and their results one",
        programs: "sh tr wc cat sort",
        files: starter_files!("fan": "workflow.yaml", "count.sh"),
    },
    Starter {
        name: "batch",
        about: "large files go to AWS Batch, small ones to Lambda",
        programs: "",
        files: starter_files!("batch": "workflow.yaml", "shorten.sh"),
    },
    Starter {
        name: "http",
        about: "a door for programs: a request comes, the result is the answer",
        programs: "sh tr",
        files: starter_files!("http": "workflow.yaml"),
    },
    Starter {
        name: "schedule",
        about: "every night, everything that is new",
        programs: "sh wc",
        files: starter_files!("schedule": "workflow.yaml"),
    },
    Starter {
        name: "toml",
        about: "the quickstart in TOML",
        programs: "sh tr sort uniq head",
        files: starter_files!("toml": "workflow.toml", "top.sh"),
    },
];

#[cfg(test)]
mod tests {
    use super::STARTERS;

    #[test]
    fn every_starter_is_a_valid_workflow() {
        for starter in &STARTERS {
            let (name, text) = starter.files[0];
            let format = match name {
                "workflow.toml" => scar_manifest::Format::Toml,
                _ => scar_manifest::Format::Yaml,
            };
            let source = scar_manifest::Source {
                name: name.to_owned(),
                text: text.to_owned(),
                format,
            };
            let loaded = scar_workflow::load(&source, None, &Files(starter.files));
            let errors: Vec<_> = loaded
                .diagnostics
                .iter()
                .filter(|one| one.is_error())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", starter.name);
            assert!(loaded.workflow.is_some());
        }
    }

    #[test]
    fn every_manifest_names_its_schema() {
        for starter in &STARTERS {
            let first = starter.files[0].1.lines().next().unwrap_or_default();
            assert!(first.contains("schema"), "{}", starter.name);
            assert!(first.ends_with(crate::verb::init::SCHEMA), "{first}");
        }
    }

    struct Files(&'static [(&'static str, &'static str)]);

    impl scar_manifest::Files for Files {
        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            let file = self.0.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| text.as_bytes().to_vec())
                .ok_or_else(|| "no such file".to_owned())
        }
    }
}
