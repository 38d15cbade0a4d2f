//! Compiles the protos without protoc: protox parses them, tonic-prost-build writes the code.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protos("proto/leadward/v1")?;

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(files)?;
    // Reflection serves these bytes as they are; decoding and encoding them again would drop what prost doesn't know.
    let out = PathBuf::from(env::var("OUT_DIR")?).join("leadward.descriptors.bin");
    fs::write(out, compiler.encode_file_descriptor_set())?;

    // Maps in order, so that a message has one encoding.
    tonic_prost_build::configure().btree_map(".").compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn protos(folder: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}
