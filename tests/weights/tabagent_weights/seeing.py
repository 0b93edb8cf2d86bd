"""Models that see pictures and write: tiny ones of random numbers."""

from __future__ import annotations

from pathlib import Path

from tabagent_weights import made, tiny_llama
from tabagent_weights.run import python

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' }}{% for part in message.content %}"
    "{% if part.type == 'image' %}{{ '<image>' }}{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_COMMON = """
import sys, torch
from pathlib import Path
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, PreTrainedTokenizerFast
target, template = sys.argv[1], sys.argv[2]
torch.manual_seed(5)

def letters(*controls):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>", "<image>", *controls])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>",
                                   pad_token="<|im_end|>")

def reads(tokenizer, **more):
    return {"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 4096,
            "initializer_range": 0.3, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id, **more}

def keep(model, processor):
    model.generation_config = GenerationConfig(eos_token_id=processor.tokenizer.eos_token_id)
    model.save_pretrained(target)
    processor.save_pretrained(target)
    Path(target, "chat_template.jinja").write_text(template)

eye = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
       "patch_size": 8}
"""
_AS_LLAVA = """
from transformers import AutoModelForCausalLM, AutoTokenizer, CLIPImageProcessorPil, CLIPVisionConfig, LlavaConfig
from transformers import LlavaForConditionalGeneration, LlavaProcessor

def llava(tokenizer, text_config, **more):
    return LlavaConfig(vision_config=CLIPVisionConfig(**eye, initializer_range=0.3), text_config=text_config,
                       image_token_index=tokenizer.convert_tokens_to_ids("<image>"), **more)

def llava_processor(tokenizer):
    picture = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return LlavaProcessor(picture, tokenizer, patch_size=8, vision_feature_select_strategy="default",
                          image_token="<image>", num_additional_image_tokens=1)
"""
_LLAVA = """
tokenizer = letters()
model = LlavaForConditionalGeneration(llava(tokenizer, LlamaConfig(**reads(tokenizer))))
keep(model, llava_processor(tokenizer))
"""
_IDEFICS3 = """
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessorPil, Idefics3Processor
rows = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
tokenizer = letters("<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *rows)
config = Idefics3Config(text_config=LlamaConfig(**reads(tokenizer)).to_dict(), scale_factor=2,
                        vision_config={**eye, "image_size": 32, "initializer_range": 0.3},
                        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
                        pad_token_id=tokenizer.pad_token_id)
picture = Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
keep(Idefics3ForConditionalGeneration(config), Idefics3Processor(picture, tokenizer, image_seq_len=4))
"""
_QWEN2_VL = """
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessor, Qwen2VLProcessor
from transformers import Qwen2VLVideoProcessor
marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
tokenizer = letters(*marks)
start, end, image, video = tokenizer.convert_tokens_to_ids(marks)
text = reads(tokenizer, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]})
config = Qwen2VLConfig(text_config=text, image_token_id=image, video_token_id=video, vision_start_token_id=start,
                       vision_end_token_id=end, tie_word_embeddings=False, vision_config={
                           "depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2,
                           "patch_size": 4, "spatial_merge_size": 2, "initializer_range": 0.3})
sizes = {"patch_size": 4, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
template = template.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>")
keep(Qwen2VLForConditionalGeneration(config), Qwen2VLProcessor(
    Qwen2VLImageProcessor(**sizes), tokenizer, Qwen2VLVideoProcessor(**sizes)))
"""
_READER = """
source = sys.argv[3]
tokenizer = AutoTokenizer.from_pretrained(source)
tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
reads = AutoModelForCausalLM.from_pretrained(source, dtype="float32")
reads.resize_token_embeddings(len(tokenizer), mean_resizing=False)
model = LlavaForConditionalGeneration(llava(tokenizer, reads.config, tie_word_embeddings=True))
model.model.language_model.load_state_dict(reads.model.state_dict())
model.tie_weights()
keep(model, llava_processor(tokenizer))
"""
_TINY = {"llava": _AS_LLAVA + _LLAVA, "idefics3": _IDEFICS3, "qwen2_vl": _QWEN2_VL}


def tiny(kind: str) -> Path:
    """A model of that architecture, of random numbers."""
    program = _COMMON + _TINY[kind]
    return made(f"tiny-{kind}", 1, lambda folder: python("-c", program, str(folder), TEMPLATE)) / "model.safetensors"


def tiny_llama_sees() -> Path:
    """Return the tiny Llama in LLaVA's frame, with SmolLM2's vocabulary."""
    program = _COMMON + _AS_LLAVA + _READER
    source = str(tiny_llama.safetensors())
    folder = made("tiny-llama-sees", 2, lambda folder: python("-c", program, str(folder), TEMPLATE, source))
    return folder / "model.safetensors"
