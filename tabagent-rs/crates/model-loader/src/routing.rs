//! Which engines can run a model, best first, and why in that order.
//!
//! Engines in Rust come before those in Python; among them the table's order decides. What stands in an engine's way does
//! not remove it: it goes behind those with nothing in the way.

use crate::detection::{Detection, Obstacle};
use crate::model_type::ModelType;
use crate::task;

/// What an engine is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// In this wheel
    Rust,
    /// In a worker with a library
    Python,
}

impl Language {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
        }
    }
}

/// An engine of this installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Such as `llama_cpp`
    pub name: String,
    /// What it is written in
    pub language: Language,
    /// Names of the kinds of files it takes
    pub formats: Vec<String>,
    /// What it does, in the hub's words; empty for everything
    pub tasks: Vec<String>,
    /// Whether what it needs is there
    pub installed: bool,
    /// The command that installs it
    pub install_hint: String,
}

/// An engine's place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name
    pub engine: String,
    /// What it is written in
    pub language: Language,
    /// Why it stands where it stands
    pub reason: String,
    /// What stands in its way
    pub obstacles: Vec<Obstacle>,
}

/// What the user and the machine have to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Engines of this installation; `None` where only this wheel is known
    pub engines: Option<Vec<Engine>>,
    /// Bytes that a new process could use, where known
    pub available_memory: Option<u64>,
    /// Whether an engine in Rust comes first for ONNX models
    pub onnx_use_rust: bool,
    /// Whether an engine in Rust comes first for LiteRT's formats
    pub litert_use_rust: bool,
}

struct Route {
    model_type: ModelType,
    engine: &'static str,
    language: Language,
    /// Architectures it knows; empty for all
    architectures: &'static [&'static str],
    /// What it does; empty for everything
    tasks: &'static [&'static str],
    reason: &'static str,
    install: &'static str,
}

const GENERATES: &[&str] = &[task::TEXT_GENERATION, task::IMAGE_TEXT_TO_TEXT];
const CANDLE: &[&str] = &["llama", "qwen2", "mistral"];

const fn route(model_type: ModelType, language: Language, engine: &'static str, reason: &'static str) -> Route {
    Route { model_type, engine, language, architectures: &[], tasks: &[], reason, install: "" }
}

/// The engines that TabAgent knows, by kind of file, best first.
const ROUTES: &[Route] = &[
    route(ModelType::Gguf, Language::Rust, "llama_cpp", "llama.cpp made this format and runs it in this process"),
    Route {
        architectures: CANDLE,
        tasks: GENERATES,
        ..route(ModelType::Gguf, Language::Rust, "candle", "reads GGUF of this architecture, slower than llama.cpp")
    },
    Route {
        install: "uv pip install 'tabagent[llama-cpp-python]'",
        ..route(ModelType::Gguf, Language::Python, "llama_cpp_python", "llama.cpp where this wheel has no build")
    },
    route(
        ModelType::BitNet,
        Language::Rust,
        "llama_cpp",
        "ternary weights; I2_S is repacked without loss to llama.cpp's TQ2_0",
    ),
    Route {
        architectures: CANDLE,
        tasks: GENERATES,
        ..route(ModelType::Safetensors, Language::Rust, "candle", "runs this architecture without Python")
    },
    Route {
        install: "uv pip install 'tabagent[transformers]'",
        ..route(ModelType::Safetensors, Language::Python, "transformers", "knows every architecture of the hub")
    },
    Route {
        architectures: CANDLE,
        tasks: GENERATES,
        ..route(ModelType::PyTorch, Language::Rust, "candle", "runs this architecture without Python")
    },
    Route {
        install: "uv pip install 'tabagent[transformers]'",
        ..route(ModelType::PyTorch, Language::Python, "transformers", "knows every architecture of the hub")
    },
    Route {
        install: "uv pip install 'tabagent[onnx]'",
        tasks: GENERATES,
        ..route(ModelType::OnnxGenai, Language::Python, "onnxruntime", "onnxruntime-genai made this layout")
    },
    Route {
        install: "uv pip install 'tabagent[onnx]'",
        ..route(ModelType::Onnx, Language::Python, "onnxruntime", "the runtime of this format")
    },
    Route {
        install: "uv pip install 'tabagent[litert]'",
        ..route(ModelType::LitertLm, Language::Python, "litert", "LiteRT-LM made this format")
    },
    Route {
        install: "uv pip install 'tabagent[mediapipe]'",
        ..route(ModelType::Task, Language::Python, "mediapipe", "MediaPipe made this bundle")
    },
    Route {
        install: "uv pip install 'tabagent[litert]'",
        tasks: GENERATES,
        ..route(ModelType::Task, Language::Python, "litert", "LiteRT-LM runs language models of this bundle")
    },
    Route {
        install: "uv pip install 'tabagent[mediapipe]'",
        ..route(ModelType::Tflite, Language::Python, "mediapipe", "knows what goes in and comes out of its own models")
    },
    Route {
        install: "uv pip install 'tabagent[litert]'",
        ..route(ModelType::Tflite, Language::Python, "litert", "runs any graph of this format, numbers in and out")
    },
];

/// The engines of this wheel itself, and what they do.
const OF_THIS_WHEEL: [(&str, &[&str]); 2] = [
    ("llama_cpp", &[task::TEXT_GENERATION, task::FEATURE_EXTRACTION, "sentence-similarity", task::TEXT_RANKING]),
    ("candle", &[task::TEXT_GENERATION]),
];

/// Every engine for the model, best first.
pub fn rank(found: &Detection, circumstances: &Circumstances) -> Vec<Candidate> {
    let model_type = found.model_type();
    let mut candidates: Vec<Candidate> = ROUTES
        .iter()
        .filter(|route| route.model_type == model_type && route.suits(found))
        .map(|route| route.candidate(found, circumstances))
        .collect();
    let strangers = circumstances.engines.iter().flatten().filter(|engine| {
        // One that has a route was left out because of what it cannot do.
        let is_known = ROUTES.iter().any(|route| route.model_type == model_type && route.engine == engine.name);
        !is_known && engine.takes(found)
    });
    let strangers: Vec<Candidate> = strangers.map(|engine| stranger(engine, found, circumstances)).collect();
    candidates.extend(strangers);
    candidates.sort_by_key(|candidate| {
        (!candidate.obstacles.is_empty(), place(model_type, candidate.language, circumstances))
    });
    candidates
}

/// Rust first, but for formats whose Rust engines have to be asked for.
fn place(model_type: ModelType, language: Language, circumstances: &Circumstances) -> u8 {
    let rust_first = match model_type {
        ModelType::Onnx | ModelType::OnnxGenai => circumstances.onnx_use_rust,
        ModelType::Tflite | ModelType::Task | ModelType::LitertLm => circumstances.litert_use_rust,
        _ => true,
    };
    u8::from((language == Language::Rust) != rust_first)
}

impl Route {
    fn suits(&self, found: &Detection) -> bool {
        let among =
            |known: &[&str], value: Option<&str>| known.is_empty() || value.is_none_or(|value| known.contains(&value));
        among(self.architectures, found.architecture.as_deref()) && among(self.tasks, found.task.as_deref())
    }

    fn candidate(&self, found: &Detection, circumstances: &Circumstances) -> Candidate {
        let mut obstacles = found.obstacles.clone();
        let of_installation = |engines: &[Engine]| engines.iter().find(|engine| engine.name == self.engine).cloned();
        let of_wheel = || OF_THIS_WHEEL.iter().find(|(name, _)| *name == self.engine);
        obstacles.extend(match &circumstances.engines {
            Some(engines) => match of_installation(engines) {
                Some(engine) if engine.installed => cannot_do(self.engine, &engine.tasks, found),
                Some(engine) => Some(not_installed(self.engine, &engine.install_hint)),
                None => Some(not_installed(self.engine, self.install)),
            },
            None => match of_wheel() {
                Some((_, tasks)) => cannot_do(self.engine, tasks, found),
                None => Some(not_installed(self.engine, self.install)),
            },
        });
        obstacles.extend(too_large(found, circumstances));
        Candidate { engine: self.engine.into(), language: self.language, reason: self.reason.into(), obstacles }
    }
}

impl Engine {
    fn takes(&self, found: &Detection) -> bool {
        self.formats.iter().any(|format| format == found.model_type().name())
    }
}

/// What keeps an engine that is there from a model that is for something else. Models that see pictures also write.
fn cannot_do(engine: &str, tasks: &[impl AsRef<str>], found: &Detection) -> Option<Obstacle> {
    let task = found.task.as_deref()?;
    let does = |known: &str| known == task || (known == task::TEXT_GENERATION && task == task::IMAGE_TEXT_TO_TEXT);
    if tasks.is_empty() || tasks.iter().any(|known| does(known.as_ref())) {
        return None;
    }
    Some(Obstacle::new("unsupported_task", format!("The model is for {task}, which the engine {engine} does not do.")))
}

fn stranger(engine: &Engine, found: &Detection, circumstances: &Circumstances) -> Candidate {
    let mut obstacles = found.obstacles.clone();
    obstacles.extend(match engine.installed {
        true => cannot_do(&engine.name, &engine.tasks, found),
        false => Some(not_installed(&engine.name, &engine.install_hint)),
    });
    obstacles.extend(too_large(found, circumstances));
    let reason = "installed beside TabAgent's own engines for this format".to_owned();
    Candidate { engine: engine.name.clone(), language: engine.language, reason, obstacles }
}

fn not_installed(engine: &str, hint: &str) -> Obstacle {
    let message = match hint {
        "" => format!("The engine {engine} is not part of this installation."),
        hint => format!("The engine {engine} is not installed. Install it with: {hint}"),
    };
    Obstacle::new("engine_unavailable", message)
}

/// What does not fit, and a context length that would.
fn too_large(found: &Detection, circumstances: &Circumstances) -> Option<Obstacle> {
    let (memory, available) = (found.memory?, circumstances.available_memory?);
    if memory.total() <= available {
        return None;
    }
    let advice = match found.planned_context_length.and_then(|planned| memory.fitting_context(planned, available)) {
        Some(context) => format!("A context_length of {context} fits."),
        None => "Choose a smaller model or a stronger quantisation.".into(),
    };
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    Some(Obstacle::new(
        "insufficient_memory",
        format!(
            "It needs about {} MiB of memory and {} MiB are free. {advice}",
            mebibytes(memory.total()),
            mebibytes(available)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryPlan;

    fn model(model_type: ModelType, architecture: &str) -> Detection {
        Detection { model_type: Some(model_type), architecture: Some(architecture.into()), ..Detection::default() }
    }

    fn engine(name: &str, language: Language, formats: &[&str], installed: bool) -> Engine {
        let formats = formats.iter().map(|format| (*format).to_owned()).collect();
        Engine { name: name.into(), language, formats, tasks: vec![], installed, install_hint: format!("get {name}") }
    }

    fn names(candidates: &[Candidate]) -> Vec<&str> {
        candidates.iter().map(|candidate| candidate.engine.as_str()).collect()
    }

    #[test]
    fn this_wheel_alone_knows_its_own_engine() {
        let ranked = rank(&model(ModelType::Gguf, "llama"), &Circumstances::default());
        assert_eq!(names(&ranked), ["llama_cpp", "candle", "llama_cpp_python"]);
        assert!(ranked[0].obstacles.is_empty());
        assert_eq!(ranked[2].obstacles[0].code, "engine_unavailable");
        assert_eq!(
            names(&rank(&model(ModelType::Gguf, "gemma3"), &Circumstances::default())),
            ["llama_cpp", "llama_cpp_python"]
        );
    }

    #[test]
    fn what_is_installed_comes_first() {
        let engines = vec![
            engine("transformers", Language::Python, &["safetensors"], true),
            engine("candle", Language::Rust, &["safetensors"], false),
        ];
        let circumstances = Circumstances { engines: Some(engines), ..Circumstances::default() };
        let ranked = rank(&model(ModelType::Safetensors, "llama"), &circumstances);
        assert_eq!(names(&ranked), ["transformers", "candle"]);
        assert!(ranked[1].obstacles[0].message.contains("get candle"));
    }

    #[test]
    fn strangers_take_part() {
        let engines = vec![
            engine("stranger", Language::Python, &["gguf", "odd"], true),
            engine("llama_cpp", Language::Rust, &["gguf"], true),
            engine("elsewhere", Language::Rust, &["onnx"], true),
        ];
        let circumstances = Circumstances { engines: Some(engines), ..Circumstances::default() };
        let ranked = rank(&model(ModelType::Gguf, "gemma3"), &circumstances);
        assert_eq!(names(&ranked), ["llama_cpp", "stranger", "llama_cpp_python"]);
    }

    #[test]
    fn rust_comes_first_for_onnx_only_when_asked() {
        let engines = vec![
            engine("onnxruntime", Language::Python, &["onnx"], true),
            engine("rusty", Language::Rust, &["onnx"], true),
        ];
        let ask = |onnx_use_rust| {
            let circumstances =
                Circumstances { engines: Some(engines.clone()), onnx_use_rust, ..Circumstances::default() };
            rank(&model(ModelType::Onnx, "bert"), &circumstances)
        };
        assert_eq!(names(&ask(false)), ["onnxruntime", "rusty"]);
        assert_eq!(names(&ask(true)), ["rusty", "onnxruntime"]);
    }

    #[test]
    fn an_engine_that_does_not_know_the_architecture_is_left_out() {
        let engines = vec![engine("candle", Language::Rust, &["gguf"], true)];
        let circumstances = Circumstances { engines: Some(engines), ..Circumstances::default() };
        assert_eq!(names(&rank(&model(ModelType::Gguf, "mamba"), &circumstances)), ["llama_cpp", "llama_cpp_python"]);
    }

    #[test]
    fn what_a_model_is_for_counts() {
        let embeds = Detection { task: Some(task::FEATURE_EXTRACTION.into()), ..model(ModelType::Gguf, "nomic-bert") };
        assert!(rank(&embeds, &Circumstances::default())[0].obstacles.is_empty());
        let classifies = Detection { task: Some(task::TEXT_CLASSIFICATION.into()), ..embeds.clone() };
        assert_eq!(rank(&classifies, &Circumstances::default())[0].obstacles[0].code, "unsupported_task");
        let sees = Detection { task: Some(task::IMAGE_TEXT_TO_TEXT.into()), ..embeds };
        assert!(rank(&sees, &Circumstances::default())[0].obstacles.is_empty());
    }

    #[test]
    fn memory_that_is_missing_is_said_with_what_would_fit() {
        let found = Detection {
            memory: Some(MemoryPlan { weights: 100 << 20, kv_cache: 800 << 20, workspace: 100 << 20 }),
            planned_context_length: Some(8192),
            ..model(ModelType::Gguf, "llama")
        };
        let with = |available| Circumstances { available_memory: Some(available), ..Circumstances::default() };
        assert!(rank(&found, &with(1 << 30))[0].obstacles.is_empty());
        let tight = &rank(&found, &with(600 << 20))[0].obstacles[0];
        assert_eq!(tight.code, "insufficient_memory");
        assert!(tight.message.contains("context_length of 4096 fits"), "{}", tight.message);
        let hopeless = &rank(&found, &with(150 << 20))[0].obstacles[0];
        assert!(hopeless.message.contains("smaller model"));
    }

    #[test]
    fn every_kind_has_an_engine_or_a_conversion() {
        for kind in ModelType::ALL {
            let ranked = rank(&Detection { model_type: Some(kind), ..Detection::default() }, &Circumstances::default());
            assert!(!ranked.is_empty() || crate::detection::conversion(kind, "x").is_some(), "{kind:?}");
        }
    }
}
