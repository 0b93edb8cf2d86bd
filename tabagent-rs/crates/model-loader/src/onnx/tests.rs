//! Models built field by field.

use super::*;
use std::fs;
use std::io::Cursor;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn external(location: &str) -> Vec<u8> {
    let entry = [bytes(1, b"location"), bytes(2, location.as_bytes())].concat();
    [number(1, 2), number(1, 3), number(2, 1), bytes(13, &entry)].concat()
}

fn graph(fields: &[Vec<u8>]) -> Vec<u8> {
    [fields.concat(), bytes(11, &bytes(1, b"input_ids")), bytes(12, &bytes(1, b"logits"))].concat()
}

fn model(graph: &[u8]) -> Vec<u8> {
    [number(1, 10), bytes(2, b"pytorch"), bytes(7, graph)].concat()
}

fn parse(file: &[u8]) -> Parsed<OnnxModel> {
    OnnxModel::parse(Cursor::new(file), file.len() as u64)
}

#[test]
fn a_model_is_described() {
    let node = bytes(4, b"MatMul");
    let weights = [bytes(1, &[varint(10), varint(4)].concat()), number(2, 10), bytes(9, &[0; 80])].concat();
    let found = parse(&model(&graph(&[bytes(1, &node), bytes(5, &weights)]))).expect("good");
    assert_eq!((found.ir_version, found.parameters), (10, 40));
    assert_eq!(found.inputs, ["input_ids"]);
    assert_eq!(found.outputs, ["logits"]);
    assert!(found.operators.contains("MatMul"));
    assert_eq!(found.types, BTreeMap::from([(10, 40)]));
}

#[test]
fn external_files_are_found_wherever_a_tensor_can_be() {
    let tensor = external("weights.bin");
    let attribute = [bytes(5, &tensor), bytes(11, &graph(&[bytes(5, &external("sub/graph.bin"))]))].concat();
    let node = bytes(5, &attribute);
    let sparse = bytes(1, &external("sparse.bin"));
    let file = [
        model(&graph(&[bytes(1, &node), bytes(15, &sparse)])),
        bytes(25, &bytes(7, &bytes(5, &bytes(10, &external("function.bin"))))),
        bytes(20, &bytes(1, &graph(&[bytes(5, &external("training.bin"))]))),
    ]
    .concat();
    let found = parse(&file).expect("good");
    let expected = ["function.bin", "sparse.bin", "sub/graph.bin", "training.bin", "weights.bin"];
    assert!(found.external_files.iter().eq(expected));
    assert_eq!(found.inputs.len(), 1, "inputs of inner graphs do not count");
}

#[test]
fn names_that_lead_away_are_refused() {
    for name in ["../x", "a/../../x", "/etc/passwd", "\\\\server\\share", "C:x", "a:stream", "..", "", "x\0y", "./x"] {
        let found = parse(&model(&graph(&[bytes(5, &external(name))])));
        assert!(matches!(found, Err(Defect::Unsafe(_))), "{name:?} gave {found:?}");
    }
}

#[test]
fn every_cut_is_noticed_or_harmless() {
    let file = model(&graph(&[bytes(5, &external("weights.bin"))]));
    for length in 0..file.len() {
        assert!(parse(&file[..length]).is_err(), "{length}");
    }
}

#[test]
fn nesting_ends() {
    let mut inner = graph(&[]);
    for _ in 0..100 {
        inner = graph(&[bytes(1, &bytes(5, &bytes(6, &inner)))]);
    }
    assert_eq!(parse(&model(&inner)), corrupt("it is nested too deeply"));
}

#[test]
fn other_files_are_not_onnx() {
    for file in [&b"<!DOCTYPE html>"[..], b"GGUF\x03\0\0\0", b"\x80\x04}q\0.", &[0xff; 64], b"{\"a\": 1}"] {
        assert!(parse(file).is_err(), "{file:?}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_away_are_refused() {
    use std::os::unix::fs::symlink;

    let base = std::env::temp_dir().join(format!("onnx-links-{}", std::process::id()));
    let folder = base.join("model");
    fs::create_dir_all(folder.join("inside")).expect("a writable temporary directory");
    fs::write(base.join("secret"), "s").expect("writable");
    fs::write(folder.join("plain"), "w").expect("writable");
    symlink(base.join("secret"), folder.join("link")).expect("a link");
    symlink(&base, folder.join("up")).expect("a link");
    symlink(folder.join("plain"), folder.join("near")).expect("a link");
    fs::hard_link(base.join("secret"), folder.join("hard")).expect("a link");
    let read = |name: &str| {
        let path = folder.join("model.onnx");
        fs::write(&path, model(&graph(&[bytes(5, &external(name))]))).expect("writable");
        OnnxModel::read(&path)
    };
    assert!(read("plain").is_ok());
    assert!(read("near").is_ok());
    for name in ["link", "up/secret", "hard", "inside"] {
        assert!(matches!(read(name), Err(crate::Error::Unsafe { .. })), "{name}");
    }
    assert!(matches!(read("missing"), Err(crate::Error::Corrupt { .. })));
    fs::remove_dir_all(base).expect("made by us");
}

#[cfg(unix)]
#[test]
fn a_snapshot_may_link_to_its_own_blobs() {
    use std::os::unix::fs::symlink;

    let base = std::env::temp_dir().join(format!("onnx-hub-{}", std::process::id()));
    let snapshot = base.join("models--a--b/snapshots/0123");
    let blobs = base.join("models--a--b/blobs");
    fs::create_dir_all(&snapshot).expect("a writable temporary directory");
    fs::create_dir_all(&blobs).expect("writable");
    fs::write(blobs.join("m"), model(&graph(&[bytes(5, &external("model.onnx_data"))]))).expect("writable");
    fs::write(blobs.join("d"), "w").expect("writable");
    symlink("../../blobs/m", snapshot.join("model.onnx")).expect("a link");
    symlink("../../blobs/d", snapshot.join("model.onnx_data")).expect("a link");
    assert!(OnnxModel::read(&snapshot.join("model.onnx")).is_ok());
    fs::remove_dir_all(base).expect("made by us");
}
