"""The recognisers of speech of ``tiny_senses`` as ONNX graphs, in the layout of the hub."""

from __future__ import annotations

import shutil
from pathlib import Path

from tabagent_weights import made, tiny_senses
from tabagent_weights.run import python

_HEARS = """
import sys, torch
from transformers import AutoModelForCTC
model = AutoModelForCTC.from_pretrained(sys.argv[1], attn_implementation="eager").eval()
class Graph(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model
    def forward(self, input_values):
        return self.model(input_values).logits
axes = {"input_values": {0: "batch", 1: "samples"}, "logits": {0: "batch", 1: "frames"}}
torch.onnx.export(Graph(), (torch.zeros(1, 16000),), sys.argv[2], input_names=["input_values"], output_names=["logits"],
                  dynamic_axes=axes, dynamo=False)
"""
_WHISPERS = """
import sys, torch
from pathlib import Path
from transformers import DynamicCache, EncoderDecoderCache, WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput
source, target = sys.argv[1], Path(sys.argv[2])
model = WhisperForConditionalGeneration.from_pretrained(source, attn_implementation="eager").eval()
layers, heads = model.config.decoder_layers, model.config.decoder_attention_heads
width = model.config.d_model // heads
sides = ("decoder", "encoder")
names = [f"{n}.{side}.{kind}" for n in range(layers) for side in sides for kind in ("key", "value")]

class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = model.get_encoder()
    def forward(self, input_features):
        return self.encoder(input_features).last_hidden_state

def cache_of(flat):
    own, cross = DynamicCache(), DynamicCache()
    for layer in range(len(flat) // 4):
        own.update(flat[4 * layer], flat[4 * layer + 1], layer)
        cross.update(flat[4 * layer + 2], flat[4 * layer + 3], layer)
    return EncoderDecoderCache(own, cross)

class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model
    def forward(self, input_ids, encoder_hidden_states, *flat):
        out = self.model(encoder_outputs=BaseModelOutput(encoder_hidden_states), decoder_input_ids=input_ids,
                         past_key_values=cache_of(flat), use_cache=True)
        cache = out.past_key_values
        present = []
        for layer in range(layers):
            own, cross = cache.self_attention_cache.layers[layer], cache.cross_attention_cache.layers[layer]
            present += [own.keys, own.values] + ([] if flat else [cross.keys, cross.values])
        return (out.logits, *present)

class WithPast(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = Decoder()
    def forward(self, input_ids, *flat):
        return self.decoder(input_ids, torch.zeros(1, model.config.max_source_positions, model.config.d_model), *flat)

def export(module, example, name, inputs, outputs):
    axes = {it: {2: "past" if "decoder." in it else "heard"} for it in (*inputs, *outputs) if "." in it}
    axes["input_ids"] = {1: "tokens"}
    axes["logits"] = {1: "tokens"}
    axes = {it: axis for it, axis in axes.items() if it in (*inputs, *outputs)}
    torch.onnx.export(module.eval(), example, str(target / name), input_names=inputs, output_names=outputs,
                      dynamic_axes=axes, dynamo=False)

frames = model.config.max_source_positions * 2
hidden = torch.zeros(1, model.config.max_source_positions, model.config.d_model)
export(Encoder(), (torch.zeros(1, 80, frames),), "encoder_model.onnx", ["input_features"], ["last_hidden_state"])
present = [f"present.{name}" for name in names]
past = [f"past_key_values.{name}" for name in names]
export(Decoder(), (torch.tensor([[1, 2]]), hidden), "decoder_model.onnx", ["input_ids", "encoder_hidden_states"],
       ["logits", *present])
flat = [torch.zeros(1, heads, 3 if ".decoder." in name else model.config.max_source_positions, width) for name in names]
export(WithPast(), (torch.tensor([[1]]), *flat), "decoder_with_past_model.onnx", ["input_ids", *past],
       ["logits", *(name for name in present if ".decoder." in name)])
"""
_MERGES = """
import sys
from pathlib import Path
import onnx
from onnx import TensorProto, helper
folder = Path(sys.argv[1])
first = onnx.load(folder / "decoder_model.onnx").graph
following = onnx.load(folder / "decoder_with_past_model.onnx").graph
outputs = [output.name for output in first.output]

def branch(graph, prefix):
    taken = {value.name for value in graph.input}
    def renamed(name):
        return name if not name or name in taken else prefix + name
    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)
    def rename_nodes(nodes):
        for node in nodes:
            node.name = prefix + node.name
            node.input[:] = [renamed(name) for name in node.input]
            node.output[:] = [renamed(name) for name in node.output]
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    rename_nodes(attribute.g.node)
                    for value in attribute.g.output:
                        value.name = renamed(value.name)
                    for tensor in attribute.g.initializer:
                        tensor.name = renamed(tensor.name)
    rename_nodes(graph.node)
    nodes, given = list(graph.node), {value.name for value in graph.output}
    for name in outputs:
        if name not in given:  # the encoder's keys and values do not change: nothing is given out
            empty = helper.make_tensor(prefix + name, TensorProto.FLOAT, [1, 2, 0, 16], [])
            nodes.append(helper.make_node("Constant", [], [prefix + name], value=empty))
    values = [helper.make_tensor_value_info(prefix + name, TensorProto.FLOAT, None) for name in outputs]
    return helper.make_graph(nodes, prefix, [], values, list(graph.initializer))

inputs = {value.name: value for graph in (first, following) for value in graph.input}
condition = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
choice = helper.make_node("If", ["use_cache_branch"], outputs, then_branch=branch(following, "next_"),
                          else_branch=branch(first, "first_"))
graph = helper.make_graph([choice], "merged", [*inputs.values(), condition], list(first.output))
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
model.opset_import[0].version = max(it.version for it in onnx.load(folder / "decoder_model.onnx").opset_import)
onnx.save(model, sys.argv[2])
"""
_BESIDE = ("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "vocab.json")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def hears() -> Path:
    """The one with a CTC head."""
    source = tiny_senses.hears().parent

    def make(folder: Path) -> None:
        python("-W", "ignore", "-c", _HEARS, str(source), str(folder / "model.onnx"))
        _copy_configuration(source, folder)

    return made("tiny-wav2vec2-onnx", 1, make) / "model.onnx"


def whispers() -> Path:
    """Whisper's, as the encoder and the pair of decoders."""
    source = tiny_senses.whispers().parent

    def make(folder: Path) -> None:
        python("-W", "ignore", "-c", _WHISPERS, str(source), str(folder))
        _copy_configuration(source, folder)

    return made("tiny-whisper-onnx", 2, make) / "encoder_model.onnx"


def whispers_merged() -> Path:
    """Whisper's, with one decoder, in a folder ``onnx`` below the configuration."""
    source = whispers().parent

    def make(folder: Path) -> None:
        (folder / "onnx").mkdir()
        shutil.copy(source / "encoder_model.onnx", folder / "onnx")
        python("-c", _MERGES, str(source), str(folder / "onnx" / "decoder_model_merged.onnx"))
        _copy_configuration(source, folder)

    return made("tiny-whisper-onnx-merged", 2, make) / "onnx" / "encoder_model.onnx"


def _copy_configuration(source: Path, folder: Path) -> None:
    for name in (*_BESIDE, *_TOKENIZER):
        if (source / name).is_file():
            shutil.copy(source / name, folder)
