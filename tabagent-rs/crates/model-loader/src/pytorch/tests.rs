use super::machine::Machine;
use super::values::Node;
use super::*;
use crate::error::Defect;
use crate::reader::Reader;
use std::io::Cursor;

/// Opcodes for `{"w": tensor}`, with `shape`, `strides` and `offset` of a storage of six floats.
fn state_dict(shape: &[u8], strides: &[u8], offset: u8) -> Vec<u8> {
    let mut out =
        b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    out.extend(b"X\x01\0\0\x000X\x03\0\0\0cpuK\x06tQK");
    out.push(offset);
    for numbers in [shape, strides] {
        out.push(b'(');
        numbers.iter().for_each(|&number| out.extend([b'K', number]));
        out.push(b't');
    }
    out.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    out
}

/// The layout before PyTorch 1.6.
fn legacy(pickle: &[u8]) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    out.extend(pickle);
    out.extend(b"\x80\x02]X\x01\0\0\x000a.");
    out.extend(6u64.to_le_bytes());
    (0..6).for_each(|number| out.extend((number as f32).to_le_bytes()));
    out
}

fn parse(file: &[u8]) -> Parsed<PickledWeights> {
    PickledWeights::parse(Cursor::new(file), file.len() as u64)
}

fn run(pickle: &[u8]) -> Parsed<Node> {
    let mut machine = Machine::default();
    let size = pickle.len() as u64;
    let id = machine.run(&mut Reader::new(Cursor::new(pickle), size, size))?;
    Ok(machine.node(id).clone())
}

#[test]
fn the_old_layout_is_read() {
    let file = legacy(&state_dict(&[2, 3], &[3, 1], 0));
    let weights = parse(&file).expect("good");
    assert_eq!(weights.parameters, 6);
    let tensor = &weights.tensors[0];
    assert_eq!((tensor.name.as_str(), tensor.dtype, tensor.shape.as_slice()), ("w", "F32", [2, 3].as_slice()));
    assert_eq!((tensor.begin, tensor.span, tensor.is_contiguous), (file.len() as u64 - 24, 24, true));
}

#[test]
fn views_are_told_from_wholes() {
    let turned = &parse(&legacy(&state_dict(&[3, 2], &[1, 3], 0))).expect("good").tensors[0];
    assert!(!turned.is_contiguous);
    let last = &parse(&legacy(&state_dict(&[2], &[1], 4))).expect("good").tensors[0];
    assert_eq!((last.span, last.is_contiguous), (8, true));
    let one_row = &parse(&legacy(&state_dict(&[1, 3], &[99, 1], 0))).expect("good").tensors[0];
    assert!(one_row.is_contiguous, "the step of a single row is never taken");
}

#[test]
fn tensors_stay_in_their_storage() {
    for (shape, strides, offset) in
        [(&[7u8][..], &[1u8][..], 0), (&[2, 3], &[4, 1], 0), (&[1], &[1], 6), (&[2], &[], 0)]
    {
        assert!(matches!(parse(&legacy(&state_dict(shape, strides, offset))), Err(Defect::Corrupt(_))));
    }
    assert!(matches!(parse(&legacy(&state_dict(&[200, 200], &[0, 0], 0))), Err(Defect::Corrupt(_))), "from nothing");
}

#[test]
fn what_runs_code_is_refused() {
    let refused: [&[u8]; 6] = [
        b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.",
        b"\x80\x04X\x09\0\0\0importlibX\x0d\0\0\0import_module\x93.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\n.",
        b"\x80\x02(iposix\nsystem\n.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        b"\x80\x02K\x01}b.",
    ];
    for pickle in refused {
        assert!(matches!(run(pickle), Err(Defect::Unsafe(_))), "{}", String::from_utf8_lossy(pickle));
    }
}

#[test]
fn nonsense_is_damage() {
    for pickle in [&b""[..], b".", b"t.", b"h\x07.", b"N", b"Nq\0a.", b"}K\x01s.", b"\x80\x02K\x01K\x02R.", b"NQ."] {
        assert!(run(pickle).is_err(), "{pickle:?}");
    }
}

#[test]
fn work_is_bounded() {
    // A list of a thousand pairs, made into a dict a thousand times and more.
    let mut pickle = b"\x80\x02]q\0(".to_vec();
    (0..1000).for_each(|_| pickle.extend(b"NN\x86"));
    pickle.push(b'e');
    (0..3000).for_each(|_| pickle.extend(b"ccollections\nOrderedDict\nh\0\x85R"));
    pickle.push(b'.');
    assert_eq!(run(&pickle), corrupt("the pickle has too many opcodes"));
}

#[test]
fn memory_is_bounded() {
    // A text of 60 KB, recalled as a key again and again, takes no memory each time.
    let (mut key, length) = (b"\x80\x02X".to_vec(), 60_000u32);
    key.extend(length.to_le_bytes());
    key.extend(vec![b'k'; 60_000]);
    key.extend(b"q\0}(");
    (0..50_000).for_each(|_| key.extend(b"h\0N"));
    key.extend(b"u.");
    assert!(matches!(run(&key), Ok(Node::Dict(pairs)) if pairs.len() == 50_000));
    let text = [&b"X\xff\0\0\0"[..], &[b'k'; 255]].concat();
    for (item, times) in
        [(&b")"[..], 1_900_000), (&text, 150_000), (b"N\x85", 900_000), (b"]", 1_900_000), (b"Nq\0", 600_000)]
    {
        let pickle = [&b"\x80\x02]("[..], &item.repeat(times), b"e."].concat();
        assert_eq!(run(&pickle), corrupt("the pickle makes too much"), "{:?}", &item[..1]);
    }
}

#[test]
fn long_integers_keep_their_sign() {
    assert_eq!(run(b"\x8a\x01\xff."), Ok(Node::Int(-1)));
    assert_eq!(run(b"\x8a\x02\xff\x00."), Ok(Node::Int(255)));
    assert_eq!(run(b"\x8a\x00."), Ok(Node::Int(0)));
}
