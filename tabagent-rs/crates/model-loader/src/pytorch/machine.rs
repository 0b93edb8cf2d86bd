//! A pickle machine that can make numbers, texts, containers and tensors, and nothing else.
//!
//! A pickle is a program, and Python's machine calls whatever the program names. This one knows the opcodes that
//! `torch.save` writes for a state dict and the few names among their operands; at anything else it stops. What it makes
//! lies in one table and is referred to by place, so that no nesting and no cycle costs more than the bytes it took.
//! Source: <https://docs.python.org/3/library/pickletools.html>, PyTorch's `torch/serialization.py`.

use super::values::{Id, Name, Node, Storage, Tensor};
use crate::error::{Defect, Parsed, corrupt};
use crate::reader::Reader;
use std::collections::HashMap;
use std::io::{Read, Seek};

/// A state dict of a thousand tensors takes some sixty thousand.
const MOST_OPCODES: usize = 2_000_000;
const LONGEST_TEXT: u64 = 64 << 10;
/// Bytes of all that the pickles of a file make. Enough for 50,000 tensors.
const MOST_MEMORY: usize = 32 << 20;
/// Bytes of an entry of a memo, with the room that its table keeps.
const MEMO_ENTRY: usize = 32;
const MOST_DIMENSIONS: usize = 8;
const LONGEST_KEY: usize = 256;

/// The machine. One reads several pickles of a file: their tables are one.
#[derive(Default)]
pub(super) struct Machine {
    nodes: Vec<Node>,
    work: usize,
    memory: usize,
}

impl Machine {
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Every storage that was named.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.nodes.iter().filter_map(|node| if let Node::Storage(storage) = node { Some(storage) } else { None })
    }

    /// The text at a place where only a text can be.
    pub(super) fn text(&self, id: Id) -> &str {
        if let Node::Text(text) = &self.nodes[id] { text } else { "" }
    }

    /// Runs one pickle to its end; where its result is.
    pub(super) fn run<R: Read + Seek>(&mut self, input: &mut Reader<R>) -> Parsed<Id> {
        let mut run = Run { machine: self, input, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        loop {
            run.spend(1)?;
            let [opcode] = run.input.bytes()?;
            if opcode == b'.' {
                return run.pop();
            }
            run.step(opcode)?;
        }
    }
}

struct Run<'a, R> {
    machine: &'a mut Machine,
    input: &'a mut Reader<R>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<R: Read + Seek> Run<'_, R> {
    fn step(&mut self, opcode: u8) -> Parsed<()> {
        match opcode {
            // PROTO, FRAME: what follows is what is read anyway.
            0x80 => self.input.skip(1),
            0x95 => self.input.skip(8),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Int(1)),
            0x89 => self.push(Node::Int(0)),
            b'K' => self.push_integer(1, false),
            b'M' => self.push_integer(2, false),
            b'J' => self.push_integer(4, true),
            0x8a => self.push_long(),
            b'G' => self.input.skip(8).and_then(|()| self.push(Node::Float)),
            b'X' | b'T' => self.input.u32().and_then(|length| self.push_text(length.into())),
            0x8c | b'U' => self.input.integer(1, false).and_then(|length| self.push_text(length as u64)),
            b'}' => self.push(Node::Dict(Vec::new())),
            b']' => self.push(Node::List(Vec::new())),
            b')' => self.push(Node::Tuple(Vec::new())),
            b't' => self.above_mark().and_then(|items| self.push(Node::Tuple(items))),
            0x85..=0x87 => self.last(usize::from(opcode - 0x84)).and_then(|items| self.push(Node::Tuple(items))),
            b'a' => self.pop().and_then(|item| self.append(vec![item])),
            b'e' => self.above_mark().and_then(|items| self.append(items)),
            b's' => self.last(2).and_then(|items| self.set_items(&items)),
            b'u' => self.above_mark().and_then(|items| self.set_items(&items)),
            b'q' => self.input.integer(1, false).and_then(|key| self.remember(key as u32)),
            b'r' => self.input.u32().and_then(|key| self.remember(key)),
            0x94 => self.remember(self.memo.len() as u32),
            b'h' => self.input.integer(1, false).and_then(|key| self.recall(key as u32)),
            b'j' => self.input.u32().and_then(|key| self.recall(key)),
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Name(Name::of(&module, &name)?))
            }
            0x93 => {
                let operands = self.last(2)?;
                match (self.machine.node(operands[0]), self.machine.node(operands[1])) {
                    (Node::Text(module), Node::Text(name)) => {
                        let name = Name::of(module, name)?;
                        self.push(Node::Name(name))
                    }
                    _ => corrupt("the pickle names something without a name"),
                }
            }
            b'Q' => self.pop().and_then(|id| self.storage(id)),
            b'R' => self.last(2).and_then(|operands| self.reduce(operands[0], operands[1])),
            b'b' => self.pop().and_then(|_| self.build()),
            other => Err(Defect::Unsafe(format!("its pickle has the opcode {other:#04x}, which no weights need"))),
        }
    }

    /// Counts work, so that no file can ask for much more than it has bytes.
    fn spend(&mut self, work: usize) -> Parsed<()> {
        self.machine.work = self.machine.work.saturating_add(work);
        if self.machine.work > MOST_OPCODES { corrupt("the pickle has too many opcodes") } else { Ok(()) }
    }

    // ------------------------------------------------------------------------------------------- stack

    /// Counts memory, which a text or container that is recalled again and again must not take each time.
    fn charge(&mut self, bytes: usize) -> Parsed<()> {
        self.machine.memory = self.machine.memory.saturating_add(bytes);
        if self.machine.memory > MOST_MEMORY { corrupt("the pickle makes too much") } else { Ok(()) }
    }

    fn push(&mut self, node: Node) -> Parsed<()> {
        self.charge(node.memory())?;
        self.stack.push(self.machine.nodes.len());
        self.machine.nodes.push(node);
        Ok(())
    }

    fn pop(&mut self) -> Parsed<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.pop() {
            Some(id) if self.stack.len() >= floor => Ok(id),
            _ => corrupt("the pickle takes more than it put down"),
        }
    }

    /// The last `count`, in the order they were pushed.
    fn last(&mut self, count: usize) -> Parsed<Vec<Id>> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Parsed<Vec<Id>>>()?;
        items.reverse();
        Ok(items)
    }

    fn above_mark(&mut self) -> Parsed<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => corrupt("the pickle goes back to a mark that it did not set"),
        }
    }

    fn top(&mut self) -> Parsed<&mut Node> {
        let id = self.pop()?;
        self.stack.push(id);
        Ok(&mut self.machine.nodes[id])
    }

    fn remember(&mut self, key: u32) -> Parsed<()> {
        let id = self.pop()?;
        self.stack.push(id);
        self.charge(MEMO_ENTRY)?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Parsed<()> {
        let Some(&id) = self.memo.get(&key) else {
            return corrupt("the pickle recalls what it did not remember");
        };
        self.stack.push(id);
        Ok(())
    }

    // ------------------------------------------------------------------------------------------ values

    fn push_integer(&mut self, width: u64, signed: bool) -> Parsed<()> {
        let number = self.input.integer(width, signed)?;
        self.push(Node::Int(number as i64))
    }

    fn push_long(&mut self) -> Parsed<()> {
        let [length] = self.input.bytes()?;
        let bytes = self.input.take_bytes(length.into())?;
        let is_negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = [if is_negative { 0xff } else { 0 }; 8];
        match wide.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(&bytes);
                self.push(Node::Int(i64::from_le_bytes(wide)))
            }
            None => self.push(Node::Long(bytes)),
        }
    }

    fn push_text(&mut self, length: u64) -> Parsed<()> {
        if length > LONGEST_TEXT {
            return corrupt(format!("the pickle has a text of {length} bytes"));
        }
        let text = self.input.text(length)?;
        self.push(Node::Text(text))
    }

    /// A name's half: up to the end of a line.
    fn line(&mut self) -> Parsed<String> {
        let mut line = Vec::new();
        while line.len() < 256 {
            match self.input.bytes()? {
                [b'\n'] => return Ok(String::from_utf8_lossy(&line).into_owned()),
                [byte] => line.push(byte),
            }
        }
        corrupt("the pickle names something with a very long name")
    }

    // -------------------------------------------------------------------------------------- containers

    fn append(&mut self, items: Vec<Id>) -> Parsed<()> {
        self.charge(size_of_val(items.as_slice()))?;
        match self.top()? {
            Node::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => corrupt("the pickle appends to what is no list"),
        }
    }

    fn set_items(&mut self, items: &[Id]) -> Parsed<()> {
        self.charge(size_of_val(items))?;
        match self.top()? {
            Node::Dict(dict) if items.len().is_multiple_of(2) => {
                dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                Ok(())
            }
            _ => corrupt("the pickle sets items of what is no dict"),
        }
    }

    /// A dict's attributes, `_metadata` of a state dict: dropped.
    fn build(&mut self) -> Parsed<()> {
        match self.top()? {
            Node::Dict(_) => Ok(()),
            _ => Err(Defect::Unsafe("its pickle sets attributes of an object, which no weights need".into())),
        }
    }

    // ------------------------------------------------------------------------------------------ calls

    /// `("storage", class, key, location, elements[, view])`
    fn storage(&mut self, id: Id) -> Parsed<()> {
        let Node::Tuple(items) = self.machine.node(id) else {
            return corrupt("the pickle refers to something outside that is no storage");
        };
        let key = items.get(2).copied().unwrap_or_default();
        let at = |index: usize| items.get(index).map(|&id| self.machine.node(id));
        let storage = match (at(0), at(1), at(2), at(4), at(5)) {
            (
                Some(Node::Text(kind)),
                Some(&Node::Name(Name::StorageOf(dtype, width))),
                Some(Node::Text(spelt)),
                Some(&Node::Int(elements @ 0..)),
                None | Some(Node::None),
            ) if kind == "storage" && spelt.len() <= LONGEST_KEY => {
                Storage { key, dtype, width, elements: elements as u64 }
            }
            _ => return corrupt("the pickle refers to something outside that is no storage"),
        };
        self.push(Node::Storage(storage))
    }

    fn reduce(&mut self, callable: Id, arguments: Id) -> Parsed<()> {
        let (Node::Name(name), Node::Tuple(arguments)) = (self.machine.node(callable), self.machine.node(arguments))
        else {
            return Err(Defect::Unsafe("its pickle calls what is no function".into()));
        };
        match (name, arguments.as_slice()) {
            (Name::OrderedDict, []) => self.push(Node::Dict(Vec::new())),
            (Name::OrderedDict, &[pairs]) => {
                let dict = self.pairs(pairs)?;
                self.push(Node::Dict(dict))
            }
            // A parameter is its tensor, a size its tuple.
            (Name::RebuildParameter | Name::Size, &[inner, ..]) => {
                self.stack.push(inner);
                Ok(())
            }
            (Name::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
                let tensor = self.tensor(storage, offset, shape, strides)?;
                self.push(Node::Tensor(Box::new(tensor)))
            }
            _ => corrupt("the pickle calls a function with other arguments than it takes"),
        }
    }

    fn pairs(&mut self, list: Id) -> Parsed<Vec<(Id, Id)>> {
        let length = if let Node::List(items) | Node::Tuple(items) = self.machine.node(list) { items.len() } else { 0 };
        self.spend(length)?;
        let (Node::List(items) | Node::Tuple(items)) = self.machine.node(list) else {
            return corrupt("the pickle makes a dict of what are no pairs");
        };
        items
            .iter()
            .map(|&item| match self.machine.node(item) {
                Node::List(pair) | Node::Tuple(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
                _ => corrupt("the pickle makes a dict of what are no pairs"),
            })
            .collect()
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Parsed<Tensor> {
        let numbers = |id: Id| match self.machine.node(id) {
            Node::Tuple(items) | Node::List(items) if items.len() <= MOST_DIMENSIONS => {
                items.iter().map(|&item| self.number(item)).collect::<Parsed<Vec<u64>>>()
            }
            _ => corrupt("a tensor's shape is none"),
        };
        let tensor =
            Tensor { storage, offset: self.number(offset)?, shape: numbers(shape)?, strides: numbers(strides)? };
        let Node::Storage(of) = self.machine.node(storage) else {
            return corrupt("a tensor has no storage");
        };
        match tensor.strides.len() == tensor.shape.len() && tensor.end().is_some_and(|end| end <= of.elements) {
            true => Ok(tensor),
            false => corrupt("a tensor reaches beyond its storage"),
        }
    }

    fn number(&self, id: Id) -> Parsed<u64> {
        match self.machine.node(id) {
            &Node::Int(number @ 0..) => Ok(number as u64),
            _ => corrupt("a tensor's extent is no number"),
        }
    }
}
