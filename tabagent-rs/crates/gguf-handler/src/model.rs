//! A model ready to generate.

use crate::encoder::{self, Encoder};
use crate::llama::{
    Batch, Context, ContextParams, Decoded, LoadParams, Pooling, Token, Watch, WeightsModel, load_cpu_module,
};
use crate::scheduler::{Handle, start};
use generation::{
    Capacity, Error, GenerateRequest, Grammars, MOST_SEQUENCES, Pacing, Result, TokenStream, Vocabulary, Waiting,
    channel, check_prompt_length,
};
use hardware::{Cores, Memory};
use model_loader::gguf::GgufHeader;
use model_loader::{BATCH, FEATURE_EXTRACTION, TEXT_RANKING, default_context_length, estimate, task_of_gguf};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// How to load a model.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The CPU module (`libggml-cpu-*.so`)
    pub cpu_module: PathBuf,
    /// The GGUF file
    pub model: PathBuf,
    /// Layers to put on a GPU, where llama.cpp has one
    pub gpu_layers: u32,
    /// Keep the weights from being swapped out
    pub lock_in_memory: bool,
    /// The context length is shared by all sequences, 8192 where none is named; threads get fewer while other programs keep
    /// the cores busy
    pub capacity: Capacity,
}

/// What a model was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Continue text
    Generate,
    /// Turn texts into vectors
    Embed,
    /// Tell how well documents answer a query
    Rerank,
}

impl Task {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Task::Generate => "generate",
            Task::Embed => "embed",
            Task::Rerank => "rerank",
        }
    }

    fn of(header: &GgufHeader) -> Self {
        match task_of_gguf(header, false) {
            Some(FEATURE_EXTRACTION) => Task::Embed,
            Some(TEXT_RANKING) => Task::Rerank,
            _ => Task::Generate,
        }
    }
}

/// What a loaded model is.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// `general.architecture`
    pub architecture: String,
    /// What it was made for
    pub task: Task,
    /// Entries of the vocabulary
    pub vocab_size: usize,
    /// Bytes of the longest token: a text of n bytes has at least n divided by this many tokens
    pub longest_token: usize,
    /// Tokens the model was trained to see at once
    pub train_context_length: u32,
    /// Tokens in the KV cache
    pub context_length: u32,
    /// Width of a token's embedding
    pub embedding_length: u32,
    /// Bytes of all tensors
    pub size: u64,
    /// Sequences at once
    pub sequences: u32,
    /// Threads that compute
    pub threads: u32,
    /// Beginning-of-sequence token
    pub bos: Option<Token>,
    /// End-of-sequence token
    pub eos: Option<Token>,
    /// Newline token
    pub newline: Option<Token>,
    /// Whether prompts should begin with `bos`
    pub adds_bos: bool,
    /// Jinja chat template
    pub chat_template: Option<String>,
}

/// Vectors or scores of texts, and how many tokens these were.
pub type Encoded<T> = (Vec<T>, u64);

/// What computes.
enum Runs {
    Scheduler { handle: Handle, thread: Mutex<Option<JoinHandle<()>>>, grammars: Grammars },
    Encoder(Encoder),
}

/// A loaded model and what runs it. Dropping it closes it.
pub struct Model {
    weights: Arc<WeightsModel>,
    facts: ModelFacts,
    runs: Runs,
}

impl Model {
    /// Loads a model, calling `progress` with the loaded fraction; false from it ends the load.
    ///
    /// # Errors
    /// What is wrong with the file, the module, a parameter, or memory; [`Error::Cancelled`] when `progress` said so.
    pub fn load(options: &LoadOptions, mut progress: impl FnMut(f32) -> bool) -> Result<Self> {
        let capacity = options.capacity;
        let (sequences, threads) = (capacity.sequences()?, capacity.threads(Cores::detect().compute_threads())?);
        let header = GgufHeader::read(&options.model)?;
        let task = Task::of(&header);
        let longest = u32::try_from(header.context_length).unwrap_or(u32::MAX);
        let context_length = capacity.context_length(default_context_length(&header), longest)?;
        check_memory(&options.model, &header, context_length, sequences)?;
        load_cpu_module(&options.cpu_module)?;
        let load = LoadParams { gpu_layers: options.gpu_layers, lock_in_memory: options.lock_in_memory };
        let weights = Arc::new(WeightsModel::load(&options.model, load, &mut progress)?);
        check_kind(&weights, task)?;
        let on_gpu = options.gpu_layers > 0;
        let params = ContextParams { context_length, sequences, batch: BATCH, threads, on_gpu, pooling: None };
        let params = match task {
            Task::Generate => params,
            // A text is computed in one piece.
            Task::Embed | Task::Rerank => {
                let pooling = if header.pooling_type.unwrap_or(0) == 0 { Pooling::Mean } else { Pooling::OfTheModel };
                let (batch, pooling) = (context_length, Some(pooling));
                ContextParams { batch, sequences: MOST_SEQUENCES, pooling, ..params }
            }
        };
        let watch = Arc::new(Watch::default());
        let mut context = Context::new(Arc::clone(&weights), params, Arc::clone(&watch))?;
        let facts = ModelFacts { sequences, ..facts(&weights, &header, params) };
        let runs = if task == Task::Generate {
            warm_up(&mut context)?;
            let (handle, thread) = start(context, watch)?;
            Runs::Scheduler { handle, thread: Mutex::new(Some(thread)), grammars: Grammars::default() }
        } else {
            Runs::Encoder(Encoder::new(context, watch)?)
        };
        Ok(Self { weights, facts, runs })
    }

    /// What was loaded.
    pub fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// Scalars of the header as text.
    pub fn metadata(&self) -> Vec<(String, String)> {
        self.weights.metadata()
    }

    /// Text and id of every token that [`Model::tokenize`] reads from text when `parse_special` is set.
    pub fn special_tokens(&self) -> Vec<(String, Token)> {
        self.weights.vocab().special_tokens()
    }

    /// A vocabulary entry as the vocabulary spells it.
    pub fn token_text(&self, token: Token) -> Result<String> {
        self.weights.vocab().spelling(token).ok_or_else(|| Error::invalid("token", "is not in the vocabulary"))
    }

    /// Tokens of a text.
    pub fn tokenize(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<Token>> {
        self.weights
            .vocab()
            .tokenize(text, add_special, parse_special)
            .ok_or_else(|| Error::invalid("text", "is too long"))
    }

    /// Tokens of a prompt, as [`Model::tokenize`] with special tokens added and none read from the text.
    ///
    /// # Errors
    /// [`Error::ContextOverflow`], for a hopelessly long text without tokenising it.
    pub fn tokenize_prompt(&self, text: &str) -> Result<Vec<Token>> {
        let at_least = (text.len() / self.facts.longest_token) as u64;
        check_prompt_length(at_least, self.facts.context_length)?;
        self.tokenize(text, true, false)
    }

    /// Text of tokens; `special` shows control tokens.
    pub fn detokenize(&self, tokens: &[Token], special: bool) -> Result<String> {
        self.weights
            .vocab()
            .detokenize(tokens, special)
            .ok_or_else(|| Error::invalid("tokens", "has a token that is not in the vocabulary"))
    }

    /// Starts a generation.
    ///
    /// A seeded draw (`seed` given, temperature above 0) begins with an empty cache when nothing else runs, so that its
    /// logits and thereby its text repeat, as long as the number of threads does. Other requests reuse what the cache
    /// holds, which changes logits in their last digits.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::ContextOverflow`], [`Error::WrongTask`], [`Error::Closed`].
    pub fn generate(&self, request: GenerateRequest, pacing: Pacing) -> Result<TokenStream> {
        let Runs::Scheduler { handle, grammars, .. } = &self.runs else {
            return Err(self.wrong_task(Task::Generate));
        };
        request.validate(self.weights.vocab(), self.facts.context_length)?;
        let compile = |grammar: &String| grammars.compile(grammar, self.weights.vocab());
        let grammar = request.grammar.as_ref().map(compile).transpose()?;
        let (producer, stream) = channel(Arc::new(handle.clone()), pacing, request.prompt.len());
        handle.submit(Waiting::new(request, grammar, producer))?;
        Ok(stream)
    }

    /// A vector of length 1 for each text, with special tokens added and none read from the texts.
    ///
    /// # Errors
    /// [`Error::ContextOverflow`] for a text that does not fit whole, [`Error::InvalidParameter`] for one without tokens,
    /// [`Error::WrongTask`], [`Error::GenerationFailed`], [`Error::Closed`].
    pub fn embed(&self, texts: &[String]) -> Result<Encoded<Vec<f32>>> {
        let encoder = self.encoder(Task::Embed)?;
        let tokens = |text: &String| {
            encoder::check_bytes(text.len(), &self.facts)?;
            self.tokens_of_whole(self.weights.vocab().tokenize(text, true, false))
        };
        let texts: Vec<Vec<Token>> = texts.iter().map(tokens).collect::<Result<_>>()?;
        let vectors = encoder.vectors(&texts)?;
        Ok((vectors.iter().map(|vector| encoder::normalised(vector)).collect(), count(&texts)))
    }

    /// How well each document answers the query, 0 to 1.
    ///
    /// # Errors
    /// As [`Model::embed`].
    pub fn rerank(&self, query: &str, documents: &[String]) -> Result<Encoded<f32>> {
        let encoder = self.encoder(Task::Rerank)?;
        let (vocab, template) = (self.weights.vocab(), self.weights.rerank_template());
        let tokens = |document: &String| {
            encoder::check_bytes(query.len() + document.len(), &self.facts)?;
            self.tokens_of_whole(encoder::pair(vocab, template.as_deref(), query, document))
        };
        let pairs: Vec<Vec<Token>> = documents.iter().map(tokens).collect::<Result<_>>()?;
        let scores = encoder.vectors(&pairs)?;
        let probability = |scores: &Vec<f32>| encoder::probability(scores, &self.facts.architecture);
        Ok((scores.iter().map(probability).collect(), count(&pairs)))
    }

    fn encoder(&self, task: Task) -> Result<&Encoder> {
        match &self.runs {
            Runs::Encoder(encoder) if self.facts.task == task => Ok(encoder),
            _ => Err(self.wrong_task(task)),
        }
    }

    fn wrong_task(&self, asked: Task) -> Error {
        Error::WrongTask { action: asked.name(), can: self.facts.task.name() }
    }

    fn tokens_of_whole(&self, tokens: Option<Vec<Token>>) -> Result<Vec<Token>> {
        let tokens = tokens.ok_or_else(|| Error::invalid("texts", "has one that is too long"))?;
        encoder::check_length(tokens.len(), self.facts.context_length)?;
        Ok(tokens)
    }

    /// Ends every generation with [`Error::Closed`] and frees the context. The weights go with the last reference.
    pub fn close(&self) {
        match &self.runs {
            Runs::Encoder(encoder) => encoder.close(),
            Runs::Scheduler { handle, thread, .. } => {
                handle.close();
                let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = thread {
                    // A scheduler that panicked has dropped everything all the same.
                    let _ = thread.join();
                }
            }
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.close();
    }
}

/// A model of another kind would make llama.cpp end the process.
fn check_kind(weights: &WeightsModel, task: Task) -> Result<()> {
    let reason = match task {
        Task::Rerank if weights.has_segments() => {
            "it tells queries from documents by BERT's segments, which llama.cpp does not compute; use its safetensors"
        }
        _ if !weights.is_decoder_alone() => "it has an encoder beside its decoder, or writes by diffusion",
        _ => return Ok(()),
    };
    Err(Error::LoadFailed { path: weights.path().to_owned(), reason: reason.into() })
}

fn count(texts: &[Vec<Token>]) -> u64 {
    texts.iter().map(|tokens| tokens.len() as u64).sum()
}

fn check_memory(path: &Path, header: &GgufHeader, context_length: u32, sequences: u32) -> Result<()> {
    let needed = estimate(header, context_length, sequences).total();
    match Memory::detect() {
        Some(Memory { available, .. }) if needed > available => {
            Err(Error::InsufficientMemory { path: path.to_owned(), needed, available })
        }
        _ => Ok(()),
    }
}

/// Computes one token, so that pages and buffers are touched before the first request waits for them.
fn warm_up(context: &mut Context) -> Result<()> {
    let token = context.model().vocab().bos().unwrap_or(0);
    let mut batch = Batch::default();
    batch.push(token, 0, 0, true);
    let decoded = context.decode(&mut batch);
    let computed = decoded == Decoded::Done && context.logits(0).is_some();
    context.clear(0);
    if computed {
        return Ok(());
    }
    let path = context.model().path().to_owned();
    Err(Error::LoadFailed { path, reason: format!("a first token could not be computed ({decoded:?})") })
}

fn facts(weights: &WeightsModel, header: &GgufHeader, params: ContextParams) -> ModelFacts {
    let vocab = weights.vocab();
    ModelFacts {
        architecture: header.architecture.clone(),
        task: Task::of(header),
        vocab_size: vocab.size(),
        longest_token: vocab.longest_token(),
        train_context_length: weights.train_context_length(),
        context_length: params.context_length,
        embedding_length: weights.embedding_length(),
        size: weights.size(),
        sequences: params.sequences,
        threads: params.threads,
        bos: vocab.bos(),
        eos: vocab.eos(),
        newline: vocab.newline(),
        adds_bos: vocab.adds_bos(),
        chat_template: weights.chat_template(),
    }
}
