//! What the server knows an import by, so that it goes on where an earlier run of it broke off.

use std::{fs::File, io, iter, path::Path};

use anyhow::{Context, anyhow, ensure};
use sha2::{Digest, Sha256};

use super::{Args, OnDuplicate, mapping::Mapping, rejects::Rejects};
use crate::proto::ImportOptions;

/// As much of a digest as tells imports apart.
const DERIVED_LENGTH: usize = 32;
const SAME_COMMAND: &str = "run the same command again to go on";

/// An import's ID, and how somebody goes on with the import where it breaks off.
pub(super) struct ImportId {
    /// Empty where nothing is to be remembered.
    pub(super) text: String,
    pub(super) to_go_on: String,
}

impl ImportId {
    /// The one that was given, or one of the file and what its rows mean, or a fresh one.
    pub(super) fn choose(
        args: &Args,
        mapping: &Mapping,
        options: &ImportOptions,
        rejects: &Rejects,
    ) -> anyhow::Result<Self> {
        if rejects.are_in_place() {
            // What is wrong with a reject may be mended on the server's side, so the same file can have another outcome.
            let with_id = args.import_id.is_some();
            ensure!(!with_id, "a rejects file that is replaced takes no --import-id: name another file with --rejects");
            return Ok(Self::none(args));
        }
        if args.again {
            let text = random()?;
            let to_go_on = format!("run it again with --import-id {text} in the place of --again to go on");
            return Ok(Self { text, to_go_on });
        }
        let id = match &args.import_id {
            Some(id) => Some(id.clone()),
            None => derived(args, mapping, options)?,
        };
        Ok(match id {
            Some(text) => Self { text, to_go_on: SAME_COMMAND.to_owned() },
            None => Self::none(args),
        })
    }

    fn none(args: &Args) -> Self {
        let to_go_on = match args.on_duplicate {
            OnDuplicate::Skip => "run the same command again to go on: existing leads are skipped",
            OnDuplicate::Update => "run the same command again to go on: leads that say the same are left unchanged",
            OnDuplicate::Reject => "run the command again with --on-duplicate skip to go on",
        };
        Self { text: String::new(), to_go_on: to_go_on.to_owned() }
    }
}

fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The same for the same file under the same flags, wherever it lies; none where a file is a pipe, which can't be read twice.
fn derived(args: &Args, mapping: &Mapping, options: &ImportOptions) -> anyhow::Result<Option<String>> {
    let files: Vec<&Path> = iter::once(args.file.as_path()).chain(mapping.lookup_files()).collect();
    if !files.iter().all(|file| file.is_file()) {
        return Ok(None);
    }
    let contents = files.into_iter().map(digest).collect::<anyhow::Result<Vec<_>>>()?;
    let Args { map, set, translate, delimiter, no_header, date_format, bad_phone, .. } = args;
    let format = args.format();
    let meaning =
        format!("{:?}", (format, map, set, translate, delimiter, no_header, date_format, bad_phone, options, contents));
    let mut id = format!("{:x}", Sha256::digest(meaning));
    id.truncate(DERIVED_LENGTH);
    Ok(Some(id))
}

fn digest(path: &Path) -> anyhow::Result<[u8; 32]> {
    let cause = || format!("can't read {}", path.display());
    let mut file = File::open(path).with_context(cause)?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher).with_context(cause)?;
    Ok(hasher.finalize().into())
}
